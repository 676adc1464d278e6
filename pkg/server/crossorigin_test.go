package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestCrossOrigin_KnowsHosts(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{}, func(o *Options) { o.AllowedHosts = []string{"Events.example.com", "*.example.org"} })
	for host, known := range map[string]bool{
		"127.0.0.1:8000": true, "127.0.0.1": true, "10.1.2.3:80": true, "[::1]:8000": true, "[::1]": true, "[fe80::1]": true,
		"localhost": true, "localhost:8000": true, "LOCALHOST.": true, "app.localhost:1": true, "balancer:8000": true, "3proxy": true,
		"printer.local": true, "events.default.svc.cluster.local:8000": true, "host.docker.internal": true,
		"events.example.com": true, "EVENTS.example.com:8000": true, "events.example.com.": true, "a.example.org": true, "a.b.example.org": true,

		"": false, ":8000": false, ".": false, "attacker.example": false, "127.0.0.1.nip.example": false, "localhost.attacker.example": false,
		"local.attacker.example:8000": false, "notlocal.example": false, "2130706433": false, "0x7f000001": false, "127.1": false,
		"example.org": false, "x.events.example.com": false, "badexample.org": false, "[attacker.example]:80": false,
	} {
		request := httptest.NewRequest(http.MethodGet, "/stats", http.NoBody)
		request.Host = host
		response := httptest.NewRecorder()
		contract.Handler(s.Handler()).ServeHTTP(response, request)
		if want := map[bool]int{true: 200, false: 421}[known]; response.Code != want {
			t.Errorf("Host %q: got %d, want %d", host, response.Code, want)
		}
	}
}

func TestCrossOrigin_AdmitsHTTP10WithoutHost(t *testing.T) {
	t.Parallel()
	address := serveRaw(t, serverWith(&memory{}))
	for request, want := range map[string]int{
		"GET /readyz HTTP/1.0\r\n\r\n":              200, // HAProxy's health check
		"GET /readyz HTTP/1.0\r\nHost: :80\r\n\r\n": 421,
		"GET /readyz HTTP/1.1\r\nHost:\r\n\r\n":     421,
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _ = response.Body.Close(); response.StatusCode != want {
			t.Errorf("%q: got %d, want %d", request, response.StatusCode, want)
		}
		_ = conn.Close()
	}
}

func TestCrossOrigin_RefusesForeignPages(t *testing.T) {
	t.Parallel()
	const foreign, friend = "https://foreign.example", "https://app.example"
	for name, row := range map[string]struct {
		method  string
		headers []string
		want    int
	}{
		"a program":                                     {"GET", nil, 200},
		"a page of this server reads":                   {"GET", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors"}, 200},
		"a page of this server writes":                  {"POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, 200},
		"a typed address":                               {"GET", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		"a link on another page":                        {"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		"a frame":                                       {"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		"a form":                                        {"POST", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Origin", foreign}, 403},
		"a picture":                                     {"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403},
		"another port of this machine":                  {"GET", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Origin", "http://127.0.0.1:1"}, 403},
		"another site reads":                            {"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Origin", foreign}, 403},
		"another site writes":                           {"POST", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Origin", foreign}, 403},
		"HEAD":                                          {"HEAD", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"a preflight request":                           {"OPTIONS", []string{"Sec-Fetch-Site", "cross-site", "Origin", foreign, "Access-Control-Request-Method", "POST"}, 403},
		"a sandboxed page":                              {"POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", "null"}, 403},
		"a browser without Sec-Fetch-Site reads":        {"GET", []string{"Origin", foreign}, 403},
		"a browser without Sec-Fetch-Site writes":       {"POST", []string{"Origin", foreign}, 403},
		"an unknown value":                              {"GET", []string{"Sec-Fetch-Site", "other"}, 403},
		"an allowed origin reads":                       {"GET", []string{"Sec-Fetch-Site", "cross-site", "Origin", friend}, 200},
		"an allowed origin writes":                      {"POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", friend}, 200},
		"a preflight request of an allowed origin":      {"OPTIONS", []string{"Sec-Fetch-Site", "cross-site", "Origin", friend, "Access-Control-Request-Method", "POST"}, 204},
		"an origin that only begins as the allowed one": {"POST", []string{"Origin", friend + ".foreign.example"}, 403},
		"an allowed origin with another scheme":         {"POST", []string{"Origin", "http://app.example"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{}
			s := serverWith(m, func(o *Options) { o.AllowedOrigins = []string{friend} })
			path, body := "/stats", ""
			if row.method == http.MethodPost || row.method == http.MethodOptions {
				path, body = "/publish", goodEvent
			}
			response := send(s, row.method, path, body, row.headers...)
			header := response.Header()
			if response.Code != row.want || (m.counts.Stored > 0) != (row.method == http.MethodPost && row.want == 200) {
				t.Errorf("got %d, %d stored; want %d: %s", response.Code, m.counts.Stored, row.want, response.Body)
			}
			allowed := strings.Contains(name, "allowed origin") && row.want < 400
			if (header.Get("Access-Control-Allow-Origin") == friend) != allowed || header.Get("Access-Control-Allow-Credentials") != "" || header.Get("Vary") != "Origin" {
				t.Errorf("headers are %v", header)
			}
			if preflight := row.want == 204; preflight && !strings.Contains(header.Get("Access-Control-Allow-Methods"), "POST") {
				t.Errorf("headers are %v", header)
			}
		})
	}
}

// TestObserve_SetsSecurityHeaders: the contract checks them on every response. Here
// are those that a handler replaces.
func TestObserve_SetsSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	for path, cache := range map[string]string{
		"/stats": "no-store", "/publish": "no-store", "/nothing": "no-store", "/events/stream?limit=0&cursor=x": "no-store",
		"/": "no-cache", "/docs": "no-cache", "/docs/": "no-cache", "/openapi.json": "no-cache", "/docs/docs.js": "no-cache",
	} {
		header := send(s, "GET", path, "").Header()
		if header.Get("Cache-Control") != cache || header.Get("X-Content-Type-Options") != "nosniff" ||
			header.Get("Cross-Origin-Resource-Policy") != "same-origin" || !strings.Contains(header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: %v", path, header)
		}
	}
}
