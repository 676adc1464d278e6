package dashboard_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/dashboard"
)

func request(t *testing.T, method string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "/", http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	dashboard.Handler().ServeHTTP(recorder, r)
	return recorder
}

func body(t *testing.T) string {
	t.Helper()
	return request(t, http.MethodGet).Body.String()
}

func TestHandler_ServesWholePage(t *testing.T) {
	t.Parallel()
	page := body(t)
	if size := len(page); size >= 88<<10 {
		t.Errorf("the page has %d bytes, want less than 88 KiB", size)
	}
	if !strings.HasPrefix(page, "<!doctype html>") || !strings.HasSuffix(page, "</html>\n") {
		t.Error("the page is not complete")
	}
	names, err := os.ReadDir("page")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile("page/" + name.Name())
		if err != nil {
			t.Fatal(err)
		}
		if name.Name() != "page.html" && !strings.Contains(page, string(text)) {
			t.Errorf("%s is not in the page", name.Name())
		}
		if lines := strings.Count(string(text), "\n"); lines >= 400 {
			t.Errorf("%s has %d lines", name.Name(), lines)
		}
	}
	if found := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|https?://[^w]|@import|url\(`).FindAllString(page, -1); found != nil {
		t.Errorf("the page has %q", found)
	}
}

func TestHandler_PolicyAllowsOnlyOwnScriptAndStyle(t *testing.T) {
	t.Parallel()
	policy := request(t, http.MethodGet).Header().Get("Content-Security-Policy")
	for kind, pattern := range map[string]string{"script-src": `(?s)<script type="module">(.*?)</script>`, "style-src": `(?s)<style>(.*?)</style>`} {
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(body(t), -1)
		if len(found) != 1 {
			t.Fatalf("got %d matches of %s, want 1", len(found), pattern)
		}
		sum := sha256.Sum256([]byte(found[0][1]))
		if want := kind + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !slices.Contains(strings.Split(policy, "; "), want) {
			t.Errorf("the policy has no %q: %s", want, policy)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "http") {
		t.Errorf("the policy is weak: %s", policy)
	}
}

func TestHandler_ValidatesCachedPage(t *testing.T) {
	t.Parallel()
	first := request(t, http.MethodGet).Header()
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache",
	} {
		if got := first.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for name, test := range map[string]struct {
		method, tag string
		status      int
	}{
		"no cached page":   {http.MethodGet, "", http.StatusOK},
		"the same page":    {http.MethodGet, first.Get("ETag"), http.StatusNotModified},
		"an older page":    {http.MethodGet, `"older"`, http.StatusOK},
		"only the headers": {http.MethodHead, "", http.StatusOK},
	} {
		got := request(t, test.method, "If-None-Match", test.tag)
		if got.Code != test.status || got.Header().Get("ETag") != first.Get("ETag") || got.Header().Get("ETag") == "" {
			t.Errorf("%s: status %d, ETag %s", name, got.Code, got.Header().Get("ETag"))
		}
	}
}

// TestTexts_AreCompleteInBothLanguages compares the two tables with each other and
// with the keys that the page uses.
func TestTexts_AreCompleteInBothLanguages(t *testing.T) {
	t.Parallel()
	texts, err := os.ReadFile("page/texts.js")
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(string(texts), "\n};")
	english, indonesian, _ := strings.Cut(table, "\n  id: {")
	keys := func(text string) map[string]string {
		found := map[string]string{}
		for _, match := range regexp.MustCompile(`(\w+): '([^']*)'`).FindAllStringSubmatch(text, -1) {
			values := regexp.MustCompile(`\{\d\}`).FindAllString(match[2], -1)
			slices.Sort(values)
			found[match[1]] = strings.Join(values, "")
		}
		return found
	}
	en, id := keys(english), keys(indonesian)
	if len(en) < 60 {
		t.Fatalf("found only %d texts", len(en))
	}
	for key, values := range en {
		if other, ok := id[key]; !ok || other != values {
			t.Errorf("%s: English has the placeholders %q, Indonesian %q (found: %t)", key, values, other, ok)
		}
	}
	if len(id) != len(en) {
		t.Errorf("%d English texts, %d Indonesian ones", len(en), len(id))
	}
	for _, match := range regexp.MustCompile(`(?:translate\(|data-t(?:-label|-hint)?=")'?(\w+)['"]`).FindAllStringSubmatch(body(t), -1) {
		if _, ok := en[match[1]]; !ok {
			t.Errorf("the page uses the unknown text %q", match[1])
		}
	}
}
