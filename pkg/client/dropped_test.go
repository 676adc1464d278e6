package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// TestClient_GoesOnAfterDroppedEvents reads with a cursor after which retention has
// dropped events: with requests, with the stream, and without OnDropped.
func TestClient_GoesOnAfterDroppedEvents(t *testing.T) {
	t.Parallel()
	for _, follow := range []bool{false, true} {
		t.Run(fmt.Sprint("follow ", follow), func(t *testing.T) {
			t.Parallel()
			r := openNew(t)
			cursor := droppedCursor(t, r)
			reported := 0
			c, err := client.New(client.Options{URL: r.url.String(), OnDropped: func() { reported++ }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var seen []string
			last := ""
			err = c.Resume(ctx, client.ResumeQuery{Cursor: cursor, Follow: follow, Interval: time.Second}, func(records []store.Record) error {
				for _, record := range records {
					seen = append(seen, record.ID)
				}
				return nil
			}, func(at string) error {
				if last = at; len(seen) == 2 {
					cancel()
				}
				return nil
			})
			if !errors.Is(err, context.Canceled) && err != nil || fmt.Sprint(seen) != "[4 5]" || reported != 1 || last == cursor {
				t.Errorf("saw %v, %d reported gaps, %v", seen, reported, err)
			}
			err = r.Resume(t.Context(), client.ResumeQuery{Cursor: cursor, Follow: follow, Interval: time.Second},
				func([]store.Record) error { return nil }, func(string) error { return nil })
			if dropped, ok := errors.AsType[*store.DroppedError](err); !ok || dropped.Next.IsZero() {
				t.Errorf("without OnDropped: %v", err)
			}
		})
	}
}

// droppedCursor returns a cursor after the first of 5 events, and drops 3 of them.
func droppedCursor(t *testing.T, r *remote) string {
	t.Helper()
	mustAppend(t, r, "1")
	head, err := r.StableHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, r, "2", "3")
	old := time.Now().Add(time.Microsecond)
	suitetest.Eventually(t, "the events are older", func() bool { return time.Now().After(old) })
	for more := true; more; {
		step, err := r.Retain(t.Context(), store.Retention{DataBefore: old})
		if more = step.More; err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, r, "4", "5")
	return api.Cursor{Newer: true, Position: head}.String()
}

func mustAppend(t *testing.T, r *remote, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if _, err := r.Append(t.Context(), []event.Event{anEvent("t", id)}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestServer_RespondsGone checks the responses themselves. The link of a problem leads
// to what the problem says.
func TestServer_RespondsGone(t *testing.T) {
	t.Parallel()
	r := openNew(t)
	cursor := droppedCursor(t, r)
	for path, hasCursor := range map[string]bool{
		"/events/t/2": false, "/events?topic=t&cursor=" + cursor: true, "/events/stream?topic=t&cursor=" + cursor: true,
	} {
		status, link := get(t, r.url.String()+path)
		if status != http.StatusGone || hasCursor != strings.Contains(link, `topic=t>; rel="prev"`) {
			t.Errorf("%s: status %d, link %q", path, status, link)
		}
		if !hasCursor {
			continue
		}
		next := strings.TrimPrefix(strings.Split(link, ">")[0], "<")
		if status, _ := get(t, r.url.String()+"/events"+next); status != http.StatusOK {
			t.Errorf("the link %s leads to %d", link, status)
		}
	}
}

// get returns the status and the header Link of a response.
func get(t *testing.T, address string) (status int, link string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode, response.Header.Get("Link")
}
