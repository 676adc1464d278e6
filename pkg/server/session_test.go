package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
)

// loginBody is the body of a login.
func loginBody(key auth.Key) string { return `{"key":"` + key.Reveal() + `"}` }

// logIn returns the cookie of a login, as "name=value".
func logIn(t *testing.T, s *Server, key auth.Key) string {
	t.Helper()
	response := send(s, http.MethodPost, api.PathSession, loginBody(key), "Content-Type", "application/json")
	if response.Code != http.StatusNoContent {
		t.Fatalf("login: %d %s", response.Code, response.Body)
	}
	name, _, _ := strings.Cut(response.Header().Get("Set-Cookie"), ";")
	return name
}

func TestSession_CookieOnlyReads(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	m := new(memory).fill(4)
	s := serverWith(m, option)
	admin, reader := logIn(t, s, all["admin"]), logIn(t, s, all["reader"])
	if strings.Contains(admin, all["admin"].Reveal()[3:20]) {
		t.Error("the cookie contains the key")
	}
	for _, row := range []struct {
		name, method, path, cookie string
		status                     int
	}{
		{"totals", http.MethodGet, "/stats", admin, http.StatusOK},
		{"events", http.MethodGet, "/events", admin, http.StatusOK},
		{"only the header", http.MethodHead, "/events", reader, http.StatusOK},
		{"publish, with the cookie of a key that may", http.MethodPost, "/publish", admin, http.StatusUnauthorized},
		{"totals, with the cookie of a key that may not", http.MethodGet, "/stats", reader, http.StatusForbidden},
		{"a cookie that was changed", http.MethodGet, "/events", admin[:len(admin)-2] + "AA", http.StatusUnauthorized},
		{"an empty cookie", http.MethodGet, "/events", strings.SplitAfter(admin, "=")[0], http.StatusUnauthorized},
		{"a long cookie", http.MethodGet, "/events", admin + admin, http.StatusUnauthorized},
		{"a cookie that another page set for the same name", http.MethodGet, "/events", strings.SplitAfter(admin, "=")[0] + "x; " + admin, http.StatusOK},
		{"the cookie of another port", http.MethodGet, "/events", "x" + admin, http.StatusUnauthorized},
		{"the key as a cookie", http.MethodGet, "/events", strings.SplitAfter(admin, "=")[0] + all["admin"].Reveal(), http.StatusUnauthorized},
	} {
		if response := send(s, row.method, row.path, newEvent, "Cookie", row.cookie); response.Code != row.status {
			t.Errorf("%s: %d %s, want %d", row.name, response.Code, response.Body, row.status)
		}
	}
	if len(m.records) != 4 {
		t.Errorf("%d events are stored, want 4", len(m.records))
	}
	if response := send(s, http.MethodGet, "/events", "", "Authorization", "Bearer "+strings.SplitAfter(admin, "=")[1]); response.Code != http.StatusUnauthorized {
		t.Errorf("a cookie as a key: %d, want 401", response.Code)
	}
}

func TestSession_RefusesBadLogins(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	s := serverWith(new(memory), option)
	const jsonType = "application/json"
	for _, row := range []struct {
		name, body, mediaType string
		status                int
	}{
		{"an unknown key", loginBody(auth.NewKey()), jsonType, http.StatusUnauthorized},
		{"an expired key", loginBody(all["old"]), jsonType, http.StatusUnauthorized},
		{"no key", `{}`, jsonType, http.StatusUnauthorized},
		{"a key that may read nothing", loginBody(all["publisher"]), jsonType, http.StatusForbidden},
		{"a number", `{"key":1}`, jsonType, http.StatusUnprocessableEntity},
		{"null", `null`, jsonType, http.StatusUnauthorized},
		{"not JSON", `key=` + all["admin"].Reveal(), jsonType, http.StatusUnprocessableEntity},
		{"an empty body", ``, jsonType, http.StatusUnprocessableEntity},
		{"a form", loginBody(all["admin"]), "text/plain", http.StatusUnsupportedMediaType},
		{"no media type", loginBody(all["admin"]), "", http.StatusUnsupportedMediaType},
		{"a large body", strings.Repeat(" ", 2000) + loginBody(all["admin"]), jsonType, http.StatusRequestEntityTooLarge},
	} {
		response := send(s, http.MethodPost, api.PathSession, row.body, "Content-Type", row.mediaType)
		if response.Code != row.status || response.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s, want %d", row.name, response.Code, response.Body, row.status)
		}
	}
	if response := send(s, http.MethodPost, api.PathSession, loginBody(all["admin"]), "Content-Type", jsonType+"; charset=utf-8"); response.Code != http.StatusNoContent {
		t.Errorf("a login whose media type has a parameter: %d, want 204", response.Code)
	}
	cut := httptest.NewRequest(http.MethodPost, api.PathSession, iotest.ErrReader(io.ErrUnexpectedEOF))
	cut.Header.Set("Content-Type", jsonType)
	response := httptest.NewRecorder()
	contract.Handler(s.Handler()).ServeHTTP(response, cut)
	if response.Code != http.StatusBadRequest {
		t.Errorf("an incomplete body: %d, want 400", response.Code)
	}
	for range 20 {
		send(s, http.MethodPost, api.PathSession, loginBody(auth.NewKey()), "Content-Type", jsonType)
	}
	if response := send(s, http.MethodPost, api.PathSession, loginBody(auth.NewKey()), "Content-Type", jsonType); response.Code != http.StatusTooManyRequests {
		t.Errorf("the login after 20 failures: %d, want 429", response.Code)
	}
	response = send(s, http.MethodPost, api.PathSession, loginBody(all["admin"]), "Content-Type", jsonType, "Origin", "http://attacker.example", "Sec-Fetch-Site", "cross-site")
	if response.Code != http.StatusForbidden {
		t.Errorf("a login by another page: %d, want 403", response.Code)
	}
	if response := send(serverWith(new(memory)), http.MethodPost, api.PathSession, loginBody(all["admin"]), "Content-Type", jsonType); response.Code != http.StatusNotFound {
		t.Errorf("a login without keys: %d, want 404", response.Code)
	}
}

func TestSession_CookieEndsWithItsKey(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	_, others := withKeys(t, 0, someEntries()...)
	s := serverWith(new(memory), option)
	cookie := logIn(t, s, all["admin"])
	var o Options
	others(&o)
	s.options.Keys = o.Keys // as after a reload that removed the key
	for range 30 {          // a browser sends the cookie on its own, so it is no attempt to guess a key
		if response := send(s, http.MethodGet, "/stats", "", "Cookie", cookie); response.Code != http.StatusUnauthorized {
			t.Fatalf("a removed key: %d, want 401", response.Code)
		}
	}
}

func TestSession_CookieAttributes(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	proxies := func(o *Options) { o.Proxies = auth.Proxies{netip.MustParsePrefix("192.0.2.0/24")} }
	for name, row := range map[string]struct {
		url, forwarded, want string
		trusted              bool
	}{
		"plain HTTP":             {"http://127.0.0.1:8000/session", "", "eventagg_8000=", false},
		"plain HTTP, IPv6":       {"http://[::1]:8000/session", "", "eventagg_8000=", false},
		"the usual port":         {"http://localhost/session", "", "eventagg=", false},
		"TLS":                    {"https://localhost/session", "", "__Host-eventagg=", false},
		"TLS up to a proxy":      {"http://localhost/session", "https", "__Host-eventagg=", true},
		"a sender's own promise": {"http://localhost/session", "https", "eventagg=", false},
	} {
		s := serverWith(new(memory), option)
		if row.trusted {
			s = serverWith(new(memory), option, proxies)
		}
		for method, body := range map[string]string{http.MethodPost: loginBody(all["admin"]), http.MethodDelete: ""} {
			r := httptest.NewRequest(method, row.url, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Forwarded-Proto", row.forwarded)
			w := httptest.NewRecorder()
			contract.Handler(s.Handler()).ServeHTTP(w, r)
			got := w.Header().Get("Set-Cookie")
			secure := strings.HasPrefix(row.want, "__Host-")
			if w.Code != http.StatusNoContent || !strings.HasPrefix(got, row.want) || !strings.Contains(got, "; Path=/;") ||
				!strings.Contains(got, "; HttpOnly") || !strings.Contains(got, "; SameSite=Strict") || strings.Contains(got, "; Secure") != secure || strings.Contains(got, "Domain") {
				t.Errorf("%s, %s: %d %q, want %s", name, method, w.Code, got, row.want)
			}
			if lifetime := map[string]string{http.MethodPost: "Max-Age=43200", http.MethodDelete: "Max-Age=0"}[method]; !strings.Contains(got, lifetime) {
				t.Errorf("%s, %s: %q, want %s", name, method, got, lifetime)
			}
		}
	}
}

func TestSession_SaysWhatTheSenderMayRead(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, auth.ScopeMetrics, append(someEntries(), auth.Entry{ID: "ops", Scopes: auth.ScopeRead | auth.ScopeMetrics})...)
	s := serverWith(new(memory), option)
	for name, row := range map[string]struct {
		header, value, want string
	}{
		"no key":              {"", "", `{"required":true,"scopes":["metrics"]}`},
		"an invalid key":      {"Authorization", bearer(auth.NewKey()), `{"required":true,"scopes":["metrics"]}`},
		"a key":               {"Authorization", bearer(all["reader"]), `{"required":true,"key":"reader","scopes":["read","metrics"]}`},
		"a cookie":            {"Cookie", logIn(t, s, all["admin"]), `{"required":true,"key":"admin","scopes":["read","metrics"]}`},
		"a key of both":       {"Authorization", bearer(all["ops"]), `{"required":true,"key":"ops","scopes":["read","metrics"]}`},
		"a key of one topic":  {"Cookie", logIn(t, s, all["t1"]), `{"required":true,"key":"t1","scopes":["read","metrics"],"topics":["t1"]}`},
		"a cookie of another": {"Cookie", "eventagg=x", `{"required":true,"scopes":["metrics"]}`},
	} {
		if got := strings.TrimSpace(send(s, http.MethodGet, api.PathSession, "", row.header, row.value).Body.String()); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
	if got := strings.TrimSpace(send(serverWith(new(memory)), http.MethodGet, api.PathSession, "").Body.String()); got != `{"required":false,"scopes":[]}` {
		t.Errorf("a server without keys: %s", got)
	}
}
