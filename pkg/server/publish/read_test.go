package publish

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/server/memory"
)

// newHandler returns a handler whose appender stores everything.
func newHandler(change ...func(*Options)) *Handler {
	options := Options{
		Appender: storesAll{}, Direct: storesAll{}, Async: storesAll{},
		MaxBodyBytes: 16 << 20, MaxEventBytes: 1 << 20, MaxBatchEvents: 10_000, MaxBufferedBytes: 32 << 20,
		ReadTimeout: 20 * time.Second, WriteTimeout: time.Minute, Shutdown: context.Background(), Now: time.Now,
		Limiter: auth.NewLimiter(time.Now),
	}
	for _, f := range change {
		f(&options)
	}
	return New(options)
}

// storesAll is an appender that stores every event and remembers none.
type storesAll struct{}

func (storesAll) Append(_ context.Context, events []event.Event) ([]event.Outcome, error) {
	outcomes := make([]event.Outcome, len(events))
	for i := range outcomes {
		outcomes[i] = event.Stored
	}
	return outcomes, nil
}

// endless is a body without an end that counts the bytes taken from it.
type endless struct{ taken int64 }

func (r *endless) Read(p []byte) (int, error) {
	r.taken += int64(len(p))
	return len(p), nil
}

func TestReadBody_StopsOneByteBeyondTheLimit(t *testing.T) {
	t.Parallel()
	h := newHandler()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(0, 100_000).Draw(t, "limit")
		body := &endless{}
		if err := newRequest(h).readBody(t.Context(), body, -1, limit); err == nil || body.taken > limit+1 {
			t.Errorf("took %d bytes with the limit %d: %v", body.taken, limit, err)
		}
	})
}

func TestReadBody_ReadsEverythingUpToTheLimit(t *testing.T) {
	t.Parallel()
	h := newHandler()
	rapid.Check(t, func(t *rapid.T) {
		body := strings.Repeat("x", rapid.IntRange(0, 10_000).Draw(t, "size"))
		p := newRequest(h)
		p.body = make([]byte, 0, rapid.IntRange(0, 10_000).Draw(t, "buffer"))
		before := cap(p.body)
		length := rapid.SampledFrom([]int64{-1, int64(len(body))}).Draw(t, "length")
		if err := p.readBody(t.Context(), strings.NewReader(body), length, int64(len(body))); err != nil || string(p.body) != body {
			t.Errorf("got %d of %d bytes: %v", len(p.body), len(body), err)
		}
		if grown := cap(p.body) > before; grown && cap(p.body) > memory.FreeBytes && p.charged < int64(cap(p.body)) {
			t.Errorf("a buffer that grew to %d bytes has %d on the budget", cap(p.body), p.charged)
		}
	})
}

func TestReadBody_RefusesADeclaredLengthBeyondTheLimitUnread(t *testing.T) {
	t.Parallel()
	body := &endless{}
	if err := newRequest(newHandler()).readBody(t.Context(), body, 11, 10); err == nil || body.taken != 0 {
		t.Errorf("took %d bytes: %v", body.taken, err)
	}
}

func TestRequest_KeepsNoLargeBuffer(t *testing.T) {
	t.Parallel()
	h := newHandler()
	p := newRequest(h)
	if err := p.readBody(t.Context(), strings.NewReader(strings.Repeat("x", 500_000)), -1, 1<<20); err != nil {
		t.Fatal(err)
	}
	p.recycle()
	if cap(p.body) > keepBytes || h.BufferedBytes() != 0 {
		t.Errorf("keeps %d bytes, %d on the budget", cap(p.body), h.BufferedBytes())
	}
}

func TestParsePreferences(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]preferences{
		"":                                      {},
		"return=minimal":                        {minimal: true},
		"Return = \"minimal\"; x=y":             {minimal: true},
		"return=representation":                 {representation: true},
		"respond-async":                         {async: true},
		"RESPOND-ASYNC;foo, wait=10":            {async: true, wait: 10 * time.Second},
		"wait=\"7\"":                            {wait: 7 * time.Second},
		"wait=3, wait=9":                        {wait: 3 * time.Second},
		"wait=0":                                {},
		"wait=-1":                               {},
		"wait=soon":                             {},
		"wait=1.5":                              {},
		"wait=99999999999999999999":             {},
		"wait=4000000000":                       {wait: maxPreferredWait},
		"handling=lenient,,;, return=minimal ,": {minimal: true, lenient: true},
		"handling=strict":                       {strict: true},
		"handling=lenient, handling=strict":     {strict: true},
		"handling=other":                        {},
		"reply":                                 {reply: true},
	} {
		if got := parsePreferences(http.Header{"Prefer": {value}}); got != want {
			t.Errorf("%q: %+v, want %+v", value, got, want)
		}
	}
	if got := parsePreferences(http.Header{"Prefer": {"wait=3", "respond-async"}}); got != (preferences{async: true, wait: 3 * time.Second}) {
		t.Errorf("two header fields: %+v", got)
	}
}
