package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// maxSilence is how long a stream may be silent before its connection counts as
// dead. The server writes a comment every 15 seconds; two of them may be late.
const maxSilence = 45 * time.Second

var (
	// errNoStream says that the server is of a version without the stream.
	errNoStream = errors.New("the server has no stream of events")
	// errSilence says that a connection is dead though nobody has closed it.
	errSilence error = silentError{}
)

// silentError is a timeout to those who word it.
type silentError struct{}

// Error says how long was waited.
func (silentError) Error() string { return "timed out" }

// Timeout makes it a [net.Error].
func (silentError) Timeout() bool { return true }

// Temporary makes it a [net.Error].
func (silentError) Temporary() bool { return true }

// follower follows the stream of events over as many connections as it takes.
type follower struct {
	*Client

	filter store.Filter
	cursor string
	fn     func(store.Record) error

	// backoff starts again with each message.
	backoff retry.Backoff
	// retry is what the server last said about the wait between connections.
	retry time.Duration
	// lost says that OnConnection has heard of a loss.
	lost bool
	// callbackErr is what fn returned.
	callbackErr error
}

// follow calls fn with every event after the cursor. It returns errNoStream,
// with nothing done since the cursor, where the server has no stream.
func (f *follower) follow(ctx context.Context) error {
	for {
		err := f.connect(ctx)
		switch {
		case f.callbackErr != nil:
			return f.callbackErr
		case ctx.Err() != nil:
			return ctx.Err()
		case !store.Temporary(err):
			return err
		}
		if err := retry.Sleep(ctx, store.RetryAfter(err, f.retry)+f.backoff.Next()); err != nil {
			return err
		}
	}
}

// connect opens the stream at the cursor and reads it until it ends, as every
// one does some day: by a restart of the server, or a proxy's patience. That
// alone is nothing to tell anybody; that no new one can be opened is.
func (f *follower) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alarm := time.AfterFunc(f.options.Timeout, func() { cancel(errSilence) })
	defer alarm.Stop()
	response, err := f.open(ctx)
	if err != nil {
		if !f.lost && store.Temporary(err) {
			f.lost = true
			f.options.OnConnection(err)
		}
		return err
	}
	defer func() { _ = response.Body.Close() }()
	alarm.Stop()
	if f.lost {
		f.lost = false
		f.options.OnConnection(nil)
	}
	err = f.read(&watchedReader{source: response.Body, alarm: alarm})
	if f.callbackErr == nil && !errors.Is(err, errResponse) {
		return f.streamError(ctx, err)
	}
	return err
}

// open asks for the stream and checks the answer.
func (f *follower) open(ctx context.Context) (*http.Response, error) {
	query := EventsQuery{Filter: store.Filter{Topic: f.filter.Topic, Source: f.filter.Source, Since: f.filter.Since}}
	request, err := f.newRequest(ctx, api.PathStream, "", query.values())
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", api.TypeStream)
	request.Header.Set("Cache-Control", "no-store")
	request.Header.Set("Last-Event-ID", f.cursor)
	response, err := f.streams.Do(request)
	if err != nil {
		return nil, f.streamError(ctx, err)
	}
	if response.StatusCode == http.StatusOK {
		kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
		if err == nil && kind == api.TypeStream {
			return response, nil
		}
		_ = response.Body.Close()
		return nil, fmt.Errorf("follow events: %w, it is no event stream", errResponse)
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return nil, errNoStream
	}
	return nil, fmt.Errorf("follow events: %w", f.responseError(ctx, response))
}

// read hands on what a stream brings until it ends.
func (f *follower) read(body io.Reader) error {
	messages := newMessageReader(body, maxMessageBytes)
	for {
		m, err := messages.next()
		if messages.retry > 0 {
			f.retry = messages.retry
		}
		if errors.Is(err, errLong) {
			return fmt.Errorf("follow events: %w: longer than %d bytes", errResponse, maxMessageBytes)
		}
		if err != nil {
			return err
		}
		if err := f.deliver(m); err != nil {
			return err
		}
		f.cursor = m.id
		f.backoff.Reset()
	}
}

// deliver hands on one message, if it is an event. Other kinds may come in later
// versions.
func (f *follower) deliver(m message) error {
	if m.id == "" || strings.ContainsFunc(m.id, unicode.IsControl) {
		return fmt.Errorf("follow events: %w: a message without a usable id", errResponse)
	}
	if m.data == nil || m.kind != api.StreamEvent {
		return nil
	}
	var got api.Event
	if err := json.Unmarshal(m.data, &got); err != nil {
		return fmt.Errorf("follow events: %w: %w", errJSON, err)
	}
	record := got.Record()
	if until := f.filter.Until; !until.IsZero() && !record.CreatedAt.Before(until) {
		return nil // which the stream can't be asked for
	}
	f.callbackErr = f.fn(record)
	return f.callbackErr
}

// streamError words the end of a connection. A stream that ends well is one that was
// closed all the same.
func (f *follower) streamError(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSilence) {
		return &ConnectionError{Server: f.base.String(), Reached: true, Err: errSilence}
	}
	return f.connectionError(ctx, err)
}

// watchedReader sounds an alarm where a read takes too long. The time that the
// reader's user takes in between doesn't count.
type watchedReader struct {
	source io.Reader
	alarm  *time.Timer
}

// Read reads from the source.
func (r *watchedReader) Read(p []byte) (int, error) {
	r.alarm.Reset(maxSilence)
	defer r.alarm.Stop()
	return r.source.Read(p)
}
