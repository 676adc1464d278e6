package query

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// slowLink is a connection that takes little at once.
type slowLink struct {
	http.ResponseWriter // which is nil: whatever else is called panics

	deadlines, most int
	cancel          context.CancelFunc
	left            int
}

func (l *slowLink) SetReadDeadline(time.Time) error  { return nil }
func (l *slowLink) SetWriteDeadline(time.Time) error { l.deadlines++; return nil }
func (l *slowLink) FlushError() error                { return nil }

func (l *slowLink) Write(p []byte) (int, error) {
	l.most = max(l.most, len(p))
	if l.left -= len(p); l.left <= 0 {
		l.cancel()
	}
	return len(p), nil
}

func TestStreamWriter_GivesEachPieceOfALargeEventItsTime(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	large := event.Event{Topic: "t", ID: "e", Source: "s", Payload: `{"x":"` + strings.Repeat("x", size) + `"}`}
	h := New(Options{Store: oneEvent{record: store.Record{Event: large, Position: store.Position{Commit: 1, Seq: 1}}}, Streaming: t.Context(), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	follower, err := h.hub.Join(t.Context(), store.Filter{}, store.Position{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer follower.Leave()
	ctx, cancel := context.WithCancel(t.Context())
	link := &slowLink{cancel: cancel, left: size}
	if err := (streamWriter{conn: http.NewResponseController(link), w: link}).follow(ctx, follower, store.Position{}, func() bool { return true }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if link.most > respond.PieceBytes || link.deadlines < size/respond.PieceBytes {
		t.Errorf("%d deadlines, pieces of up to %d bytes", link.deadlines, link.most)
	}
}

// oneEvent is a store with one event. Calls that the test does not need panic.
type oneEvent struct {
	Store

	record store.Record
}

func (o oneEvent) Stats(context.Context) (store.Stats, error) { return store.Stats{}, nil }

func (o oneEvent) Newer(_ context.Context, _ store.Filter, after store.Position, _ int) ([]store.Record, store.Position, error) {
	if after.Compare(o.record.Position) >= 0 {
		return nil, after, nil
	}
	return []store.Record{o.record}, o.record.Position, nil
}

func (o oneEvent) StableHead(context.Context) (store.Position, error) { return o.record.Position, nil }

func TestAppendMessage_ReplacesLineBreaksInThePayload(t *testing.T) {
	t.Parallel()
	text := string(appendMessage(nil, store.Record{Event: event.Event{Topic: "t", ID: "e", Payload: "{\r\n\t\"a\" :\n1}"}}))
	head, data, _ := strings.Cut(text, "data: ")
	if strings.Count(head, "\n") != 2 || strings.ContainsAny(strings.TrimSuffix(data, "\n\n"), "\r\n") || !strings.Contains(data, "{  \t\"a\" : 1}") {
		t.Errorf("got %q", text)
	}
}
