package query

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
)

func TestEventKey_RoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := event.Key{Topic: rapid.StringN(1, 20, 255).Draw(t, "topic"), ID: rapid.StringN(1, 20, 512).Draw(t, "id")}
		address, err := url.Parse("http://x/events/" + url.PathEscape(key.Topic) + "/" + url.PathEscape(key.ID))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := eventKey(address)
		storable := len(textErrors(event.Event{Topic: key.Topic, ID: key.ID}, "topic", "event_id")) == 0
		if ok != storable || (ok && got != key) {
			t.Errorf("%q became %q, %t", key, got, ok)
		}
	})
}

func FuzzEventsQuery(f *testing.F) {
	for _, seed := range []string{
		"", "limit=5", "topic=a&source=b", "event_id=https%3A%2F%2Fa%2Fb+1&topic=a", "since=2025-12-19T12:00:00+07:00&until=2026-01-01", "cursor=bzEuMQ", "settled=true", "%", "a=1;b=2",
		"topic=%E2%98%83&limit=1000", "cursor=", "limit=1&limit=2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := parseEventsQuery(raw)
		if err != nil {
			return
		}
		if query.limit < 1 || query.limit > maxLimit {
			t.Errorf("limit %d", query.limit)
		}
		// A link must lead to the same query at another place.
		reference := strings.TrimPrefix(strings.TrimSuffix(query.link(query.cursor, "next"), `>; rel="next"`), "<?")
		if strings.ContainsAny(reference, "<> \",") {
			t.Errorf("link %q", reference)
		}
		again, err := parseEventsQuery(reference)
		query.settled = false
		if diff := cmp.Diff(query, again, cmp.AllowUnexported(eventsQuery{})); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", reference, err, diff)
		}
	})
}
