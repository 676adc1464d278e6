package publish

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/digest"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// storedTimeout is the maximum time to read the stored event of a duplicate. Without it
// the response is complete, too.
const storedTimeout = 2 * time.Second

// rejectConflicts changes the outcome of conflicts in topics whose policy rejects them.
// The store has counted them as conflicts already.
func (h *Handler) rejectConflicts(events []event.Event, outcomes []event.Outcome) {
	if h.options.ConflictRejected == nil {
		return
	}
	for i := range outcomes {
		if outcomes[i] == event.Conflict && h.options.ConflictRejected(events[i].Topic) {
			outcomes[i] = event.ConflictRejected
		}
	}
}

// inResponse returns the numbers of a response: rejected conflicts are invalid there, so
// that received is success plus ignored.
func inResponse(t event.Tally, outcomes []event.Outcome) event.Tally {
	if t.Conflict == 0 {
		return t
	}
	for _, outcome := range outcomes {
		if outcome == event.ConflictRejected {
			t.Duplicate--
			t.Conflict--
			t.Rejected++
		}
	}
	return t
}

// conflict returns the error for the sender of a rejected conflict.
func (h *Handler) conflict(ctx context.Context, e *event.Event) error {
	refused := &respond.ConflictError{SentDigest: digestText(e)}
	ctx, cancel := context.WithTimeout(ctx, storedTimeout)
	defer cancel()
	if stored, err := h.options.Stored(ctx, e.Key()); err == nil {
		refused.StoredDigest = digestText(&stored.Event)
	}
	return refused
}

func digestText(e *event.Event) string {
	sum := new(digest.Computer).Of(e)
	return hex.EncodeToString(sum[:])
}

// addReceipt adds to the response when and where the stored event of a duplicate was
// stored, if the sender may read it. If it can't be read, the response stays as it is.
func (h *Handler) addReceipt(c echo.Context, p *request) {
	if p.prefer.reply || !h.options.MayRead(p.sender) {
		return
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), storedTimeout)
	defer cancel()
	stored, err := h.options.Stored(ctx, p.events[0].Key())
	if err != nil {
		return
	}
	text, err := json.Marshal(api.Receipt{
		CreatedAt: stored.CreatedAt.UTC(), Source: stored.Source, Cursor: api.Cursor{Newer: true, Position: stored.Position}.String(),
	})
	if err != nil { // a Receipt always encodes
		return
	}
	p.response = append(append(p.response[:len(p.response)-len("}\n")], `,"stored":`...), text...)
	p.response = append(p.response, "}\n"...)
	c.Response().Header().Add("Preference-Applied", "return=representation")
}
