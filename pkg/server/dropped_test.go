package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

// TestDropped_IsGone reads an event and cursors whose data retention has dropped.
func TestDropped_IsGone(t *testing.T) {
	t.Parallel()
	const next = "bjEwLnp5"
	position, err := api.ParseCursor(next)
	if err != nil {
		t.Fatal(err)
	}
	old := api.Cursor{Newer: true, Position: store.Position{Commit: 1, Seq: 1}}.String()
	for path, link := range map[string]string{
		"/events/t0/0":                          "",
		"/events?limit=3&cursor=" + old:         `<?cursor=` + next + `&limit=3>; rel="prev"`,
		"/events/stream?topic=t0&cursor=" + old: `<?cursor=` + next + `&topic=t0>; rel="prev"`,
	} {
		m := new(memory).fill(5)
		m.fail = &store.DroppedError{Next: position.Position}
		if link == "" {
			m.fail = store.ErrDropped
		}
		path = strings.Replace(path, "t0/0", m.records[0].Topic+"/"+m.records[0].ID, 1)
		response := send(serverWith(m), http.MethodGet, path, "")
		if response.Code != http.StatusGone || response.Header().Get("Link") != link || !strings.Contains(response.Body.String(), api.ProblemDropped) {
			t.Errorf("%s: %d, link %q, %s", path, response.Code, response.Header().Get("Link"), response.Body)
		}
	}
}
