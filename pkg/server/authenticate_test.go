package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
)

// keys are the keys of these tests, by the ID of their entry.
type keys map[string]auth.Key

// withKeys is an option for a server with these entries, each of which gets a new key.
func withKeys(t *testing.T, public auth.Scope, entries ...auth.Entry) (keys, func(*Options)) {
	t.Helper()
	all := keys{}
	for i := range entries {
		key := auth.NewKey()
		all[entries[i].ID], entries[i].Hashes = key, []auth.Hash{key.Hash()}
	}
	set, err := auth.NewSet(entries, public)
	if err != nil {
		t.Fatal(err)
	}
	return all, func(o *Options) { o.Keys = func() *auth.Set { return set } }
}

func someEntries() []auth.Entry {
	return []auth.Entry{
		{ID: "publisher", Scopes: auth.ScopePublish},
		{ID: "reader", Scopes: auth.ScopeRead},
		{ID: "scraper", Scopes: auth.ScopeMetrics},
		{ID: "admin", Scopes: auth.ScopeAdmin},
		{ID: "old", Scopes: auth.ScopeAdmin, Expires: noon()},
		{ID: "t1", Scopes: auth.ScopePublish | auth.ScopeRead | auth.ScopeMetrics, Topics: []string{"t1"}},
		{ID: "ts", Scopes: auth.ScopePublish | auth.ScopeRead | auth.ScopeMetrics, Topics: []string{"t*", "x"}},
	}
}

func bearer(key auth.Key) string { return "Bearer " + key.Reveal() }

const newEvent = `{"topic":"t1","event_id":"new","timestamp":"2025-12-19T12:00:00Z","source":"s","payload":{}}`

func TestAuthenticate_Scopes(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	s := serverWith(new(memory).fill(4), option, func(o *Options) {
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		})
	})
	const invalid, missing, insufficient = `Bearer realm="eventagg", error="invalid_token"`, `Bearer realm="eventagg"`, `Bearer realm="eventagg", error="insufficient_scope"`
	paths := map[string]string{
		api.PathPublish: "publish", api.PathEvents: "read", api.PathEvents + "/t1/e1": "read", api.PathEvents + "/t1/none": "read", api.PathStream: "read", api.PathDuplicates: "read",
		api.PathStats: "metrics", api.PathTopicStats: "metrics", api.PathSeries: "metrics", api.PathMetrics: "metrics",
	}
	owners := map[string]string{"publish": "publisher", "read": "reader", "metrics": "scraper"}
	for path, scope := range paths {
		method, body := http.MethodGet, ""
		switch path {
		case api.PathPublish:
			method, body = http.MethodPost, newEvent
		case api.PathStream:
			method = http.MethodHead // it would not end
		}
		for _, row := range []struct {
			name      string
			header    string
			status    int // 0: not refused
			challenge string
		}{
			{"no key", "", http.StatusUnauthorized, missing},
			{"an unknown key", bearer(auth.NewKey()), http.StatusUnauthorized, invalid},
			{"an expired key", bearer(all["old"]), http.StatusUnauthorized, invalid},
			{"a key with a typing error", bearer(all["admin"])[:30] + "x" + bearer(all["admin"])[31:], http.StatusUnauthorized, invalid},
			{"another scheme", "Basic " + all["admin"].Reveal(), http.StatusUnauthorized, invalid},
			{"only the scheme", "Bearer", http.StatusUnauthorized, invalid},
			{"an empty header", " ", http.StatusUnauthorized, invalid},
			{"the hash of a key", "Bearer " + all["admin"].Hash().String(), http.StatusUnauthorized, invalid},
			{"the key of this scope", bearer(all[owners[scope]]), 0, ""},
			{"the key of this scope, in another notation", strings.Replace(bearer(all[owners[scope]]), "Bearer ", "bearer  ", 1), 0, ""},
			{"a key of all scopes", bearer(all["admin"]), 0, ""},
		} {
			s.failures = auth.NewFailures(noon) // each row is an address of its own
			headers := []string{"Authorization", row.header}
			if row.header == "" {
				headers = nil
			}
			response := send(s, method, path, body, headers...)
			refused := response.Code == http.StatusUnauthorized || response.Code == http.StatusForbidden
			if row.status != 0 && response.Code != row.status || row.status == 0 && refused {
				t.Errorf("%s with %s: %d %s", path, row.name, response.Code, response.Body)
			}
			if got := response.Header().Get("WWW-Authenticate"); got != row.challenge {
				t.Errorf("%s with %s: challenge %q, want %q", path, row.name, got, row.challenge)
			}
		}
		for name, id := range owners {
			if name == scope {
				continue
			}
			response := send(s, method, path, body, "Authorization", bearer(all[id]))
			if want := insufficient + `, scope="` + scope + `"`; response.Code != http.StatusForbidden || response.Header().Get("WWW-Authenticate") != want {
				t.Errorf("%s with the scope %s: %d %q", path, name, response.Code, response.Header().Get("WWW-Authenticate"))
			}
		}
	}
}

func TestAuthenticate_NeverTakesKeysFromTheQuery(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	s := serverWith(new(memory), option)
	for _, name := range []string{"access_token", "api_key", "key", "token", "authorization"} {
		if response := send(s, http.MethodGet, api.PathStats+"?"+name+"="+all["admin"].Reveal(), ""); response.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, response.Code)
		}
	}
}

func TestAuthenticate_WithoutDataNeedsNoKey(t *testing.T) {
	t.Parallel()
	_, option := withKeys(t, 0, someEntries()...)
	s := serverWith(new(memory), option, func(o *Options) { o.AllowedHosts = nil })
	for _, path := range []string{"/healthz", "/readyz", "/health", "/livez", "/", "/docs", "/docs/", "/openapi.json"} {
		for _, header := range []string{"", "Bearer invalid"} {
			if response := send(s, http.MethodGet, path, "", "Authorization", header); response.Code/100 != 2 && response.Code/100 != 3 {
				t.Errorf("%s: %d %s", path, response.Code, response.Body)
			}
		}
	}
	if response := send(s, http.MethodOptions, api.PathPublish, ""); response.Code != http.StatusNoContent {
		t.Errorf("OPTIONS: %d", response.Code)
	}
}

func TestAuthenticate_PublicScopes(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, auth.ScopeMetrics, someEntries()...)
	s := serverWith(new(memory), option)
	for path, want := range map[string]int{api.PathStats: http.StatusOK, api.PathEvents: http.StatusUnauthorized} {
		if response := send(s, http.MethodGet, path, ""); response.Code != want {
			t.Errorf("%s: %d, want %d", path, response.Code, want)
		}
	}
	if response := send(s, http.MethodGet, api.PathStats, "", "Authorization", bearer(auth.NewKey())); response.Code != http.StatusUnauthorized {
		t.Errorf("an invalid key for a public path: %d, want 401", response.Code)
	}
	if response := send(s, http.MethodGet, api.PathStats, "", "Authorization", bearer(all["publisher"])); response.Code != http.StatusOK {
		t.Errorf("a key without the scope for a public path: %d, want 200", response.Code)
	}
	s.origins.hosts = nil
	if response := send(s, http.MethodGet, api.PathStats, ""); response.Code != http.StatusMisdirectedRequest {
		t.Errorf("a public path under a foreign name: %d, want 421", response.Code)
	}
}

func TestAuthenticate_LimitsInvalidKeysOfAnAddress(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	now := noon()
	reasons := map[string]int{}
	s := serverWith(new(memory), option, func(o *Options) {
		o.Now = func() time.Time { return now }
		o.OnAuthFailure = func(reason, _ string) { reasons[reason]++ }
	})
	get := func(remote string, key auth.Key) int {
		return sendFrom(s, remote, "", "Authorization", bearer(key)).Code
	}
	for range 20 {
		if status := get("192.0.2.1:1", auth.NewKey()); status != http.StatusUnauthorized {
			t.Fatalf("status %d", status)
		}
	}
	if status := get("192.0.2.1:2", auth.NewKey()); status != http.StatusTooManyRequests {
		t.Errorf("the 21st invalid key in a minute: %d, want 429", status)
	}
	if status := get("192.0.2.1:2", all["publisher"]); status == http.StatusTooManyRequests || status == http.StatusUnauthorized {
		t.Errorf("a valid key of the same address: %d", status)
	}
	if status := get("192.0.2.2:1", auth.NewKey()); status != http.StatusUnauthorized {
		t.Errorf("another address: %d, want 401", status)
	}
	now = now.Add(3 * time.Second) // a twentieth of a minute
	if status := get("192.0.2.1:1", auth.NewKey()); status != http.StatusUnauthorized {
		t.Errorf("after the time in Retry-After: %d, want 401", status)
	}
	if reasons["invalid"] != 22 || reasons["limited"] != 1 {
		t.Errorf("reported %v", reasons)
	}
}

func TestAuthenticate_TopicsOfPublishers(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	foreign := strings.Replace(newEvent, `"t1"`, `"other"`, 1)
	for name, row := range map[string]struct {
		body, mediaType, prefer string
		status, stored          int
	}{
		"an allowed topic":                      {newEvent, "application/json", "", http.StatusOK, 1},
		"a forbidden topic alone":               {foreign, "application/json", "", http.StatusForbidden, 0},
		"a forbidden topic in an array":         {"[" + foreign + "," + newEvent + "]", "application/json", "", http.StatusMultiStatus, 1},
		"a forbidden topic in NDJSON":           {foreign + "\n" + newEvent + "\n", "application/x-ndjson", "", http.StatusMultiStatus, 1},
		"only a forbidden topic in an array":    {"[" + foreign + "]", "application/json", "", http.StatusUnprocessableEntity, 0},
		"a forbidden topic, and all or nothing": {"[" + foreign + "," + newEvent + "]", "application/json", "handling=strict", http.StatusUnprocessableEntity, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := new(memory)
			s := serverWith(m, option)
			response := send(s, http.MethodPost, api.PathPublish, row.body,
				"Content-Type", row.mediaType, "Prefer", row.prefer, "Authorization", bearer(all["t1"]))
			if response.Code != row.status || len(m.records) != row.stored {
				t.Fatalf("%d, %d events: %s", response.Code, len(m.records), response.Body)
			}
			var result struct {
				Type string `json:"type"`
			}
			_ = json.Unmarshal(response.Body.Bytes(), &result)
			if row.status == http.StatusForbidden && result.Type != api.ProblemForbidden {
				t.Errorf("problem %+v", result)
			}
			if row.status == http.StatusMultiStatus && !strings.Contains(response.Body.String(), `"field":"topic"`) {
				t.Errorf("no error of the topic: %s", response.Body)
			}
		})
	}
}

func TestAuthenticate_TopicsOfReaders(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	s := serverWith(new(memory).fill(4), option)
	for _, row := range []struct {
		name, id, path string
		status         int
		want, never    string
	}{
		{"one topic is the default", "t1", "/events", 200, `"t1"`, `"t0"`},
		{"the same by name", "t1", "/events?topic=t1", 200, `"t1"`, `"t0"`},
		{"another topic", "t1", "/events?topic=t0", 403, "", ""},
		{"an ID in another topic", "t1", "/events?topic=t0&event_id=e1", 403, "", ""},
		{"an ID, without the other topics", "t1", "/events?event_id=e0", 200, "[]", `"t0"`},
		{"an ID without a topic, with a pattern", "ts", "/events?event_id=e0", 403, "", ""},
		{"an event of another topic", "t1", "/events/t0/e2", 403, "", ""},
		{"an event of another topic that does not exist", "t1", "/events/t0/none", 403, "", ""},
		{"an event of the topic", "t1", "/events/t1/e1", 200, `"e1"`, ""},
		{"several topics need a name", "ts", "/events", 403, "", ""},
		{"a topic of a pattern", "ts", "/events?topic=t0", 200, `"t0"`, `"t1"`},
		{"a stream of another topic", "t1", "/events/stream?topic=t0", 403, "", ""},
		{"the topics of the key", "t1", "/stats/topics", 200, `"t1"`, `"t0"`},
		{"totals are about all topics", "t1", "/stats", 403, "", ""},
		{"and so is the series", "t1", "/stats/series", 403, "", ""},
	} {
		response := send(s, http.MethodGet, row.path, "", "Authorization", bearer(all[row.id]))
		body := response.Body.String()
		if response.Code != row.status || !strings.Contains(body, row.want) || row.never != "" && strings.Contains(body, row.never) {
			t.Errorf("%s: %d %s", row.name, response.Code, body)
		}
	}
}
