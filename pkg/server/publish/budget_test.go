package publish

import (
	"errors"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/server/memory"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// TestBudget_DeclaredBodiesCostNothing: clients that declare large bodies and send
// nothing leave all the memory to others.
func TestBudget_DeclaredBodiesCostNothing(t *testing.T) {
	t.Parallel()
	h := newHandler()
	for range 100 {
		if err := h.budget.Admit("a", 16<<20); err != nil {
			t.Fatal(err)
		}
	}
	if h.BufferedBytes() != 0 {
		t.Errorf("%d bytes are in use", h.BufferedBytes())
	}
}

// TestBudget_SmallBodiesNeedNoMemory: a body that is charged nothing is accepted even
// if others hold all the memory.
func TestBudget_SmallBodiesNeedNoMemory(t *testing.T) {
	t.Parallel()
	h := newHandler()
	if err := h.budget.Reserve("a", h.options.MaxBufferedBytes, 0); err != nil {
		t.Fatal(err)
	}
	for _, length := range []int64{-1, 200} {
		if err := newRequest(h).readBody(t.Context(), strings.NewReader(strings.Repeat("x", 200)), length, 1<<20); err != nil {
			t.Errorf("a small body of declared length %d: %v", length, err)
		}
	}
	if err := newRequest(h).readBody(t.Context(), strings.NewReader(""), memory.FreeBytes, 1<<20); !errors.Is(err, respond.ErrBodyMemory) {
		t.Errorf("a body that needs memory: %v", err)
	}
}

// TestBudget_EventsOfABatchAreCharged: a batch may be small, and its events and its
// response large. Small batches need no memory.
func TestBudget_EventsOfABatchAreCharged(t *testing.T) {
	t.Parallel()
	h := newHandler()
	if err := h.budget.Reserve("another client", h.options.MaxBufferedBytes, 0); err != nil {
		t.Fatal(err)
	}
	for events, full := range map[int]bool{1: false, chargedEvents - 1: false, chargedEvents: true, 10_000: true} {
		p := newRequest(h)
		for _, body := range []string{"[" + strings.Repeat("{},", events-1) + "{}]", strings.Repeat("{}\n", events)} {
			p.body = []byte(body)
			if events == 1 && body[0] != '[' {
				continue // a single event
			}
			if _, err := p.decode(nil, formJSON); errors.Is(err, respond.ErrBodyMemory) != full {
				t.Errorf("%d events: %v", events, err)
			}
			if len(p.events)+len(p.invalid) > max(events, chargedEvents) {
				t.Errorf("%d events: %d were kept", events, len(p.events)+len(p.invalid))
			}
			p.full = nil
		}
	}
}
