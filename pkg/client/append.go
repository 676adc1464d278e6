package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Append publishes the events one after the other, each with a request of its
// own, and answers as [store.Appender] says. An event that the server refuses
// for ever is [event.Rejected]: it is invalid or longer than the server allows.
// The server's words about it go to [store.WithRejections].
//
// Since every event is its own transaction here, the ones before a failure are
// stored when Append returns an error, and the ones after it are not. Nothing
// is sent twice.
func (c *Client) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	outcomes := make([]event.Outcome, len(events))
	for i := range events {
		outcome, err := c.publish(ctx, i, &events[i])
		if err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
		outcomes[i] = outcome
	}
	return outcomes, nil
}

func (c *Client) publish(ctx context.Context, index int, e *event.Event) (outcome event.Outcome, err error) {
	err = c.wire.post(ctx, e.AppendJSON, func(got answer) error {
		if outcome, err = readOutcome(got); outcome == event.Rejected {
			store.TellRejection(ctx, index, got.err())
		}
		return err
	})
	return outcome, err
}

// readOutcome reads the answer to one published event.
func readOutcome(got answer) (event.Outcome, error) {
	switch got.status {
	case http.StatusOK:
	case http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return event.Rejected, nil
	default:
		return 0, got.err()
	}
	// The server's own writing is told without parsing; any other is valid too.
	switch {
	case bytes.HasPrefix(got.body, []byte(`{"status":"success",`)):
		return event.Stored, nil
	case bytes.HasPrefix(got.body, []byte(`{"status":"ignored",`)):
		return event.Duplicate, nil
	}
	var published api.Published
	if err := json.Unmarshal(got.body, &published); err != nil {
		return 0, fmt.Errorf("%w: %w", errAnswer, err)
	}
	switch published.Status {
	case api.StatusSuccess:
		return event.Stored, nil
	case api.StatusIgnored:
		return event.Duplicate, nil
	default:
		return 0, fmt.Errorf("%w: status %q", errAnswer, published.Status)
	}
}
