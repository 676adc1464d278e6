package server

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestDuplicates_PagesFollowLinks(t *testing.T) {
	t.Parallel()
	m := new(memory).fill(40).fill(40)
	for i := range m.reports {
		if i%4 == 0 {
			m.reports[i].Conflicts, m.reports[i].Differing = 1, []string{"source"}
		}
	}
	s := serverWith(m)
	for start, want := range map[string]struct{ keys, pages int }{
		"/duplicates?limit=7":                        {40, 6},
		"/duplicates":                                {40, 4},
		"/duplicates?limit=40":                       {40, 1},
		"/duplicates?topic=t1&limit=20":              {20, 1},
		"/duplicates?conflict=true&limit=3":          {10, 4},
		"/duplicates?conflict=true&topic=t0&limit=4": {10, 3},
		"/duplicates?conflict=false&limit=1000":      {40, 1},
		"/duplicates?topic=none":                     {0, 1},
	} {
		keys, pages := map[string]bool{}, 0
		for target := start; target != ""; pages++ {
			response := send(s, http.MethodGet, target, "")
			var rows []api.Duplicate
			if err := json.Unmarshal(response.Body.Bytes(), &rows); err != nil || rows == nil {
				t.Fatalf("%s: %v: %s", target, err, response.Body)
			}
			for _, row := range rows {
				if strings.Contains(start, "conflict=true") && (row.Conflicts == 0 || row.Differing[0] != "source") {
					t.Errorf("%s: %+v is without a conflict", start, row)
				}
				keys[row.Topic+"/"+row.EventID] = true
			}
			target = ""
			if found := regexp.MustCompile(`^<(\?[^>]*)>; rel="next"$`).FindStringSubmatch(response.Header().Get("Link")); found != nil {
				target = "/duplicates" + found[1]
			}
		}
		if len(keys) != want.keys || pages != want.pages {
			t.Errorf("%s: %d keys in %d pages, want %d in %d", start, len(keys), pages, want.keys, want.pages)
		}
	}
}

func TestDuplicates_RejectsInvalidParameters(t *testing.T) {
	t.Parallel()
	cursor := api.DuplicateCursor{LastSeen: noon(), Topic: "t\x00", EventID: "1"}
	for query, status := range map[string]int{
		"limit=0": 422, "limit=1001": 422, "topic=": 422, "topic=%00": 422, "conflict=1": 422, "conflict=": 422, "cursor=x": 422,
		"cursor=" + (api.Cursor{}).String(): 422, "cursor=" + cursor.String(): 422, "source=x": 422, "topic=%": 400,
	} {
		if response := send(serverWith(&memory{}), http.MethodGet, "/duplicates?"+query, ""); response.Code != status {
			t.Errorf("%s: status %d, want %d: %s", query, response.Code, status, response.Body)
		}
	}
	if response := send(serverWith(&memory{fail: store.ErrUnavailable}), http.MethodGet, "/duplicates", ""); response.Code != http.StatusServiceUnavailable {
		t.Errorf("without a database: status %d", response.Code)
	}
}

// TestDuplicates_OfAKeyWithTopics: a key sees only the reports of its topics.
func TestDuplicates_OfAKeyWithTopics(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	s := serverWith(new(memory).fill(4).fill(4), option)
	for _, row := range []struct {
		key, query string
		status     int
		want       int
	}{
		{"reader", "", 200, 4}, {"t1", "", 200, 2}, {"t1", "?topic=t1", 200, 2}, {"t1", "?topic=t0", 403, 0},
	} {
		response := send(s, http.MethodGet, "/duplicates"+row.query, "", "Authorization", bearer(all[row.key]))
		if got := strings.Count(response.Body.String(), `"repeats"`); response.Code != row.status || got != row.want {
			t.Errorf("%s%s: %d with %d reports, want %d with %d: %s", row.key, row.query, response.Code, got, row.status, row.want, response.Body)
		}
	}
}
