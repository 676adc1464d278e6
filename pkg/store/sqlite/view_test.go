package sqlite

import (
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

// TestEventLog reads the view as a person with the sqlite3 program does.
func TestEventLog(t *testing.T) {
	t.Parallel()
	noon := time.Date(2025, 12, 19, 12, 0, 0, 5000, time.UTC)
	s := openNew(t, Options{Now: func() time.Time { return noon }})
	events := []event.Event{newEvent("é"), newEvent("0195f9d2-7c2e-7abc-8def-0123456789ab")}
	if _, err := s.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	var got string
	const query = `SELECT group_concat(topic || ' ' || event_id || ' ' || source || ' ' || json_type(payload) || ' ' || created_at, ', ')
		FROM (SELECT topic, event_id, source, payload, created_at FROM event_log WHERE created_at >= '2025' ORDER BY event_id)`
	want := "topic 0195f9d2-7c2e-7abc-8def-0123456789ab test object " + noon.Format("2006-01-02T15:04:05.000000Z") +
		", topic é test object " + noon.Format("2006-01-02T15:04:05.000000Z")
	if err := s.readers.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}
