package queuetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// target is what a call uses.
type target struct {
	queue    queue.Queue
	consumer queue.Consumer
	message  queue.Message
}

// call is one method of a queue or its consumer.
type call struct {
	name string
	do   func(ctx context.Context, t target) error
}

// only drops a result that the test does not need.
func only[T any](_ T, err error) error { return err }

func calls() []call {
	return []call{
		{"append", func(ctx context.Context, t target) error { return only(t.queue.Append(ctx, t.message.Events)) }},
		{"ping", func(ctx context.Context, t target) error { return t.queue.Ping(ctx) }},
		{"size", func(ctx context.Context, t target) error { return only(t.queue.Size(ctx)) }},
		{"low watermark", func(ctx context.Context, t target) error { return only(t.queue.LowWatermark(ctx)) }},
		{"dead letters", func(ctx context.Context, t target) error { return only(t.queue.DeadLetters(ctx, "", 10)) }},
		{"retry", func(ctx context.Context, t target) error { return only(t.queue.Retry(ctx, nil)) }},
		{"drop", func(ctx context.Context, t target) error { return only(t.queue.Drop(ctx, nil)) }},
		{"purge", func(ctx context.Context, t target) error {
			if ctx.Err() == nil && t.queue.Ping(ctx) == nil {
				return nil // it would delete what the test needs
			}
			return only(t.queue.Purge(ctx))
		}},
		{"receive", func(ctx context.Context, t target) error { return only(t.consumer.Receive(ctx, atOnce)) }},
		{"renew", func(ctx context.Context, t target) error { return t.consumer.Renew(ctx) }},
		{"claim", func(ctx context.Context, t target) error { return only(t.consumer.Claim(ctx, hour)) }},
		{"acknowledge", func(ctx context.Context, t target) error {
			return t.consumer.Acknowledge(ctx, []queue.Message{t.message})
		}},
		{"split", func(ctx context.Context, t target) error { return t.consumer.Split(ctx, t.message) }},
		{"move to the dead letters", func(ctx context.Context, t target) error {
			return t.consumer.MoveToDeadLetters(ctx, t.message, "reason")
		}},
		{"leave", func(ctx context.Context, t target) error { return t.consumer.Leave(ctx) }},
		{"prune", func(ctx context.Context, t target) error { return t.consumer.Prune(ctx, hour) }},
	}
}

func cancelledCalls(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	m := receiveOne(t, q, c, newEvents("a", 2)...)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, call := range calls() {
		if err := call.do(cancelled, target{q, c, m}); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled %s returns %v, want context.Canceled", call.name, err)
		}
	}
	checkSize(t, q, 2, 0)
	mustAcknowledge(t, c, m)
	checkSize(t, q, 0, 0)
}

func cancelledWait(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	started := time.Now()
	messages, err := c.Receive(ctx, suitetest.Timeout)
	if len(messages) != 0 || err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a wait whose context ended returns %+v, %v", messages, err)
	}
	if took := time.Since(started); took > suitetest.Timeout/2 {
		t.Errorf("it ended after %v", took)
	}
	want := newEvents("a", 2)
	mustAppend(t, q, want...)
	checkEvents(t, drain(t, c), want) // none was lost in the call that ended
}

func useAfterClose(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	m := receiveOne(t, q, c, newEvents("a", 2)...)
	for range 2 {
		if err := q.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	for _, call := range calls() {
		if err := call.do(t.Context(), target{q, c, m}); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after close: %v, want ErrClosed", call.name, err)
		}
	}
}

func closeEndsWaits(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	mustReceive(t, c, atOnce)
	ended := make(chan error)
	go func() {
		_, err := c.Receive(context.Background(), suitetest.Timeout)
		ended <- err
	}()
	if err := q.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("a wait that close ends returns %v, want ErrClosed", err)
		}
	case <-time.After(suitetest.Timeout / 2):
		t.Error("the wait goes on")
		<-ended
	}
}

func reopened(t *testing.T, open Open) {
	h := open(t, Options{})
	dead := newEvents("dead", 1)
	first := h.Queue.Consumer("first")
	moveToDeadLetters(t, h.Queue, first, dead...)
	held := receiveOne(t, h.Queue, first, newEvents("held", 2)...)
	waiting := newEvents("waiting", 3)
	mustAppend(t, h.Queue, waiting...)
	other := h.Again(t)
	checkSize(t, other, 5, 1)
	if err := h.Queue.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	second := other.Consumer("second")
	checkEvents(t, drain(t, second), waiting)
	again := claimSoon(t, second)
	if len(again) != 1 || again[0].ID != held.ID || again[0].Deliveries != 2 {
		t.Errorf("claimed %+v, want %+v", again, held)
	}
	mustAcknowledge(t, second, again...)
	if letters := mustLetters(t, other, 10); len(letters) != 1 || letters[0].Event != dead[0] {
		t.Errorf("dead letters %+v", letters)
	}
	checkSize(t, other, 0, 1)
}
