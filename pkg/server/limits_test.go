package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
)

// sendFrom sends one request from an address.
func sendFrom(s *Server, address, body string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, "/publish", strings.NewReader(body))
	request.RemoteAddr = address
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response := httptest.NewRecorder()
	contract.Handler(s.Handler()).ServeHTTP(response, request)
	return response
}

// eventNumber returns the text of a valid event.
func eventNumber(n int) string {
	return fmt.Sprintf(`{"topic":"t","event_id":"%d","timestamp":"2025-12-19","source":"s","payload":{}}`, n)
}

// eventLines returns events from first on, one a line.
func eventLines(first, count int) string {
	var lines strings.Builder
	for n := range count {
		lines.WriteString(eventNumber(first+n) + "\n")
	}
	return lines.String()
}

// eventArray returns events from first on as an array.
func eventArray(first, count int) string {
	lines := strings.TrimSuffix(eventLines(first, count), "\n")
	return "[" + strings.ReplaceAll(lines, "\n", ",") + "]"
}

const here = "192.0.2.1:1000"

func TestLimits_RefuseBeforeAnythingIsStored(t *testing.T) {
	t.Parallel()
	spaces := strings.Repeat(" ", 900)
	for name, row := range map[string]struct {
		limits      auth.Limits
		before      string // a request that passes
		body        string
		headers     []string
		policy      string
		left        string
		violated    []string
		retry       int
		storedAfter int // with the repeated request
	}{
		"single events": {
			auth.Limits{Events: 10}, eventArray(1, 10), eventNumber(11), nil,
			`"events";q=10;w=1`, `"events";r=0;t=1`, []string{"events"}, 1, 11,
		},
		"an array that needs more than is left": {
			auth.Limits{Events: 10}, eventArray(1, 5), eventArray(6, 6), nil,
			`"events";q=10;w=1`, `"events";r=5;t=1`, []string{"events"}, 1, 11,
		},
		"after an array above the limit": {
			auth.Limits{Events: 10}, eventArray(1, 35), eventNumber(36), nil,
			`"events";q=10;w=1`, `"events";r=0;t=4`, []string{"events"}, 4, 36,
		},
		"bytes": {
			auth.Limits{Bytes: 1000}, eventNumber(1) + spaces, eventNumber(2) + spaces, nil,
			`"bytes";q=1000;w=1;qu="content-bytes"`, `"bytes";r=21;t=1`, []string{"bytes"}, 1, 2,
		},
		"bytes after decompression": {
			auth.Limits{Bytes: 1000}, eventNumber(1), gzipped(eventNumber(2) + spaces), []string{"Content-Encoding", "gzip"},
			`"bytes";q=1000;w=1;qu="content-bytes"`, `"bytes";r=921;t=1`, []string{"bytes"}, 1, 2,
		},
		"both": {
			auth.Limits{Events: 1, Bytes: 100}, eventNumber(1) + strings.Repeat(" ", 120), eventNumber(2), nil,
			`"events";q=1;w=1, "bytes";q=100;w=1;qu="content-bytes"`, `"events";r=0;t=1, "bytes";r=0;t=2`, []string{"events", "bytes"}, 2, 2,
		},
		"invalid events count": {
			auth.Limits{Events: 10}, `[{},{},{},{},{},{},{},{},{},` + eventNumber(1) + "]", eventNumber(2), nil,
			`"events";q=10;w=1`, `"events";r=0;t=1`, []string{"events"}, 1, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now, m, limited := noon(), new(memory), 0
			s := serverWith(m, func(o *Options) {
				o.Limits, o.Now = row.limits, func() time.Time { return now }
				o.OnLimited = func(key string, slowed bool) {
					limited++
					if key != "" || slowed {
						t.Errorf("reported key %q, slowed %t", key, slowed)
					}
				}
			})
			if response := sendFrom(s, here, row.before); response.Code/100 != 2 {
				t.Fatalf("the first request: %d %s", response.Code, response.Body)
			}
			stored := len(m.records)
			response := sendFrom(s, here, row.body, row.headers...)
			var problem api.Problem
			if err := json.Unmarshal(response.Body.Bytes(), &problem); err != nil || response.Code != http.StatusTooManyRequests {
				t.Fatalf("status %d, %v: %s", response.Code, err, response.Body)
			}
			if problem.Type != api.ProblemQuota || !cmp.Equal(problem.ViolatedPolicies, row.violated) {
				t.Errorf("problem %+v", problem)
			}
			header := response.Header()
			got := []string{header.Get("Ratelimit-Policy"), header.Get("Ratelimit"), header.Get("Retry-After")}
			if want := []string{row.policy, row.left, strconv.Itoa(row.retry)}; !cmp.Equal(got, want) {
				t.Errorf("headers %q, want %q", got, want)
			}
			if len(m.records) != stored || limited != 1 {
				t.Errorf("%d events were stored, %d limited requests reported", len(m.records)-stored, limited)
			}
			if other := sendFrom(s, "192.0.2.2:1000", eventNumber(1)); other.Code != http.StatusOK {
				t.Errorf("another address: %d", other.Code)
			}
			now = now.Add(time.Duration(row.retry) * time.Second)
			if response = sendFrom(s, here, row.body, row.headers...); response.Code != http.StatusOK || len(m.records) != row.storedAfter {
				t.Errorf("after Retry-After: %d %s, %d events", response.Code, response.Body, len(m.records))
			}
		})
	}
}

func TestLimits_CountByAddress(t *testing.T) {
	t.Parallel()
	proxies := auth.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	for name, row := range map[string]struct {
		first, second       string
		forwarded, forwards string
		status              int
	}{
		"another port of an address":             {here, "192.0.2.1:2000", "", "", 429},
		"another address":                        {here, "192.0.2.2:1000", "", "", 200},
		"IPv6 addresses of one network":          {"[2001:db8::1]:1", "[2001:db8::2]:1", "", "", 429},
		"IPv6 addresses of two networks":         {"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", "", "", 200},
		"two clients behind a proxy":             {"10.0.0.1:1", "10.0.0.1:1", "198.51.100.1", "198.51.100.2", 200},
		"one client behind two proxies":          {"10.0.0.1:1", "10.0.0.2:1", "198.51.100.1", "198.51.100.1", 429},
		"a client that claims to be another one": {here, here, "198.51.100.1", "198.51.100.2", 429},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serverWith(new(memory), func(o *Options) { o.Limits, o.Proxies = auth.Limits{Events: 1}, proxies })
			headers := func(value string) []string {
				if value == "" {
					return nil
				}
				return []string{"X-Forwarded-For", value}
			}
			if response := sendFrom(s, row.first, eventNumber(1), headers(row.forwarded)...); response.Code != http.StatusOK {
				t.Fatal(response.Code)
			}
			if response := sendFrom(s, row.second, eventNumber(2), headers(row.forwards)...); response.Code != row.status {
				t.Errorf("status %d, want %d", response.Code, row.status)
			}
		})
	}
}

// TestLimits_SlowLinesDown: a stream above the limit takes its time, and is stored.
func TestLimits_SlowLinesDown(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		limits auth.Limits
		body   string
		took   time.Duration
	}{
		"events":              {auth.Limits{Events: 10}, eventLines(1, 40), 3 * time.Second},
		"invalid lines":       {auth.Limits{Events: 10}, strings.Repeat("{}\n", 40) + eventNumber(1), 3100 * time.Millisecond},
		"bytes":               {auth.Limits{Bytes: 790}, eventLines(10, 40), 3 * time.Second},
		"within the limit":    {auth.Limits{Events: 40}, eventLines(1, 40), 0},
		"without limits":      {auth.Limits{}, eventLines(1, 40), 0},
		"a line of 3 seconds": {auth.Limits{Bytes: 1000}, strings.Replace(eventNumber(1), "{}", `{"a":"`+strings.Repeat("x", 3914)+`"}`, 1), 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, slowed := new(memory), 0
				s := serverWith(m, func(o *Options) {
					o.Limits, o.Now = row.limits, time.Now
					o.OnLimited = func(_ string, slow bool) {
						if slow {
							slowed++
						}
					}
				})
				begin := time.Now()
				response := sendFrom(s, here, row.body, "Content-Type", "application/x-ndjson")
				if response.Code/100 != 2 || len(m.records) == 0 {
					t.Errorf("%d %s", response.Code, response.Body)
				}
				if took := time.Since(begin); (took - row.took).Abs() > 100*time.Millisecond {
					t.Errorf("the stream took %s, want %s", took, row.took)
				}
				if (slowed == 1) != (row.took > 0) {
					t.Errorf("reported %d times", slowed)
				}
			})
		})
	}
}
