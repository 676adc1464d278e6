package digest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

func TestDiffering(t *testing.T) {
	t.Parallel()
	base := event.Event{Timestamp: time.Unix(1766145600, 0), Source: "web-1", Payload: `{"a":1,"b":{"c":2},"d":[1,2]}`}
	with := func(change func(*event.Event)) event.Event {
		e := base
		change(&e)
		return e
	}
	payload := func(text string) event.Event { return with(func(e *event.Event) { e.Payload = text }) }
	long := strings.Repeat("n", maxNameBytes+1)
	for name, row := range map[string]struct {
		other event.Event
		limit int
		want  []string
	}{
		"nothing":                         {base, 9, nil},
		"only the spelling":               {payload(`{"d":[1,2.0],"b":{"c":2},"\u0061":1}`), 9, nil},
		"the time and the source":         {with(func(e *event.Event) { e.Timestamp, e.Source = time.Unix(0, 0), "web-2" }), 9, []string{"timestamp", "source"}},
		"members, sorted":                 {payload(`{"d":[2,1],"b":{"c":2},"a":2}`), 9, []string{"payload.a", "payload.d"}},
		"a nested member is its parent":   {payload(`{"a":1,"b":{"c":3},"d":[1,2]}`), 9, []string{"payload.b"}},
		"a missing and a new member":      {payload(`{"b":{"c":2},"d":[1,2],"e":null}`), 9, []string{"payload.a", "payload.e"}},
		"at most the limit":               {payload(`{}`), 2, []string{"payload.a", "payload.b"}},
		"a long name is the payload":      {payload(`{"a":1,"b":{"c":2},"d":[1,2],"` + long + `":1,"` + long + `x":1}`), 9, []string{"payload"}},
		"a payload that is not an object": {payload(`[`), 9, []string{"payload.a", "payload.b", "payload.d"}},
	} {
		if got := Differing(&base, &row.other, row.limit); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}
