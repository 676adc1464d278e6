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

// maxSilence is the time without data after which a connection counts as lost.
// The server sends a comment every 15 seconds, so two of them may be late.
const maxSilence = 45 * time.Second

var (
	// errNoStream reports a server of a version without the stream.
	errNoStream = errors.New("the server has no stream of events")
	// errSilence reports a connection that is open but brings no data.
	errSilence error = silentError{}
)

// silentError is a timeout.
type silentError struct{}

// Error implements error.
func (silentError) Error() string { return "timed out" }

// Timeout implements [net.Error].
func (silentError) Timeout() bool { return true }

// Temporary implements [net.Error].
func (silentError) Temporary() bool { return true }

// follower follows the event stream over several connections.
type follower struct {
	*Client

	filter store.Filter
	cursor string
	fn     func(store.Record) error
	// at is called with each new cursor.
	at func(string) error

	// backoff starts again with each message.
	backoff retry.Backoff
	// retry is the wait between connections that the server last requested.
	retry time.Duration
	// lost reports that OnConnection was called with an error.
	lost bool
	// callbackErr is the error of fn or at.
	callbackErr error
}

// follow calls fn with each event after the cursor. It returns errNoStream if the
// server has no stream; the cursor is then still valid.
func (f *follower) follow(ctx context.Context) error {
	for {
		err := f.connect(ctx)
		switch {
		case f.callbackErr != nil:
			return f.callbackErr
		case ctx.Err() != nil:
			return ctx.Err()
		case !store.Temporary(err):
			next := f.skipDropped(err)
			if next == "" {
				return err
			}
			f.cursor = next
			continue
		}
		if err := retry.Sleep(ctx, store.RetryAfter(err, f.retry)+f.backoff.Next()); err != nil {
			return err
		}
	}
}

// connect opens the stream at the cursor and reads it until it ends. Each stream
// ends sometime, by a restart of the server or a timeout of a proxy, so that is
// not reported. Only a failed reconnect is reported.
func (f *follower) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(f.options.Timeout, func() { cancel(errSilence) })
	defer timer.Stop()
	response, err := f.open(ctx)
	if err != nil {
		if !f.lost && store.Temporary(err) {
			f.lost = true
			f.options.OnConnection(err)
		}
		return err
	}
	defer func() { _ = response.Body.Close() }()
	timer.Stop()
	if f.lost {
		f.lost = false
		f.options.OnConnection(nil)
	}
	err = f.read(&timedReader{source: response.Body, timer: timer})
	if f.callbackErr == nil && !errors.Is(err, errResponse) {
		return f.streamError(ctx, err)
	}
	return err
}

// open requests the stream and checks the response.
func (f *follower) open(ctx context.Context) (*http.Response, error) {
	filter := f.filter
	filter.Until = time.Time{} // the stream has no such parameter
	query := EventsQuery{Filter: filter}
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
		return nil, fmt.Errorf("follow events: %w: not an event stream", errResponse)
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return nil, errNoStream
	}
	return nil, fmt.Errorf("follow events: %w", f.responseError(ctx, response))
}

// read delivers the messages of a stream until it ends.
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
		if f.callbackErr = f.at(m.id); f.callbackErr != nil {
			return f.callbackErr
		}
		f.backoff.Reset()
	}
}

// deliver calls fn if the message is an event. Later versions of the server may
// send other kinds.
func (f *follower) deliver(m message) error {
	if m.id == "" || strings.ContainsFunc(m.id, unicode.IsControl) {
		return fmt.Errorf("follow events: %w: message without a valid id", errResponse)
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
		return nil // the stream has no such filter
	}
	f.callbackErr = f.fn(record)
	return f.callbackErr
}

// streamError returns the error of a stream that has ended.
func (f *follower) streamError(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSilence) {
		return &ConnectionError{Server: f.base.String(), Reached: true, Err: errSilence}
	}
	return f.connectionError(ctx, err)
}

// timedReader runs the timer only during a read, so the time that fn takes does
// not count as silence.
type timedReader struct {
	source io.Reader
	timer  *time.Timer
}

// Read reads from the source.
func (r *timedReader) Read(p []byte) (int, error) {
	r.timer.Reset(maxSilence)
	defer r.timer.Stop()
	return r.source.Read(p)
}
