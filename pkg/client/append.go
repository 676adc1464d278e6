package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client/transport"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/store"
)

// Limits of one request. A larger append is split. They are the default limits
// of the server, with some room for the JSON around the events.
const (
	maxBatchEvents = 10_000
	maxBatchBytes  = 15 << 20
)

// maxResponseBytes limits the response to one event. It contains topic and
// event_id: 767 bytes, which JSON may write as six times as many.
const maxResponseBytes = 64 << 10

// Append publishes the events and returns their outcomes, see [store.Appender].
// A single event is sent as an object. Several are sent as an array, which the
// server stores in one transaction. The outcome [event.Rejected] means that the
// event is invalid or too large for the server.
//
// Append splits more than 10,000 events or 15 MiB into several requests, one
// after the other. If it returns an error, the requests before the failed one
// are stored. No event is sent twice, with one exception: if the server finds a
// batch too large, nothing of it is stored, and its halves are sent.
func (c *Client) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	var outcomes []event.Outcome
	for len(outcomes) < len(events) {
		rest := events[len(outcomes):]
		got, err := c.publish(ctx, appendPart{events: rest[:batchLength(rest)], first: len(outcomes)})
		if err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
		if outcomes == nil {
			outcomes = got // usually of all events
			continue
		}
		outcomes = append(outcomes, got...)
	}
	return outcomes, nil
}

// appendPart is the events of one request. first is the index of the first one
// in the append.
type appendPart struct {
	events []event.Event
	first  int
}

// batchLength returns the number of events for the next request.
func batchLength(events []event.Event) int {
	size := 0
	for i := range events {
		size += events[i].Size()
		if i == maxBatchEvents || i > 0 && size > maxBatchBytes {
			return i
		}
	}
	return len(events)
}

// publish sends events with one request.
func (c *Client) publish(ctx context.Context, p appendPart) (outcomes []event.Outcome, err error) {
	switch {
	case c.options.Lines:
		return c.publishLines(ctx, p)
	case len(p.events) == 1:
		return c.publishOne(ctx, p)
	}
	report := func(index int, reason error) { store.ReportRejection(ctx, p.first+index, reason) }
	write := func(dst []byte) []byte { return appendArray(dst, p.events) }
	err = c.post(ctx, write, maxResponseBytes+len(p.events)*maxResultBytes, func(got response) error {
		outcomes, err = readOutcomes(got, len(p.events), report)
		return err
	})
	if errors.Is(err, errLarge) {
		return c.publishHalves(ctx, p)
	}
	return outcomes, err
}

// publishOne sends one event as an object.
func (c *Client) publishOne(ctx context.Context, p appendPart) (outcomes []event.Outcome, err error) {
	outcomes = make([]event.Outcome, 1)
	err = c.post(ctx, func(dst []byte) []byte { return codec.Append(dst, p.events[0]) }, maxResponseBytes, func(got response) error {
		if outcomes[0], err = readOutcome(got); outcomes[0] == event.Rejected {
			store.ReportRejection(ctx, p.first, got.err())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// publishLines sends events as NDJSON.
func (c *Client) publishLines(ctx context.Context, p appendPart) (outcomes []event.Outcome, err error) {
	write := func(dst []byte) []byte {
		for i := range p.events {
			dst = append(codec.Append(dst, p.events[i]), '\n')
		}
		return dst
	}
	report := func(index int, reason error) { store.ReportRejection(ctx, p.first+index, reason) }
	err = c.post(ctx, write, maxResponseBytes+len(p.events)*maxResultBytes, func(got response) error {
		outcomes, err = readTotals(got, len(p.events), report)
		return err
	})
	return outcomes, err
}

// publishHalves sends a batch that is too large for the server in two requests.
func (c *Client) publishHalves(ctx context.Context, p appendPart) ([]event.Outcome, error) {
	middle := len(p.events) / 2
	first, err := c.publish(ctx, appendPart{events: p.events[:middle], first: p.first})
	if err != nil {
		return nil, err
	}
	second, err := c.publish(ctx, appendPart{events: p.events[middle:], first: p.first + middle})
	if err != nil {
		return nil, err
	}
	return append(first, second...), nil
}

// publishOptions describe the requests of POST /publish.
func publishOptions(base *url.URL, options Options) transport.Options {
	target := *base
	target.Path += api.PathPublish
	mediaType := api.TypeJSON
	if options.Lines {
		mediaType = api.TypeLines
	}
	header := "User-Agent: " + options.UserAgent + "\r\nContent-Type: " + mediaType + "\r\n"
	if value := authorization(options.Key); value != "" {
		header += "Authorization: " + value + "\r\n"
	}
	header = appendHeader(header, options.Header)
	if options.Gzip {
		header += "Content-Encoding: gzip\r\n"
	}
	return transport.Options{
		Method: http.MethodPost, URL: &target, Header: header, Gzip: options.Gzip, TLS: options.TLS,
		Timeout: options.Timeout, MaxIdle: options.Concurrency,
	}
}

// post sends the body that write appends, and calls read with the response,
// whose body may have limit bytes. read must not keep the body.
func (c *Client) post(ctx context.Context, write func([]byte) []byte, limit int, read func(response) error) error {
	var errRead error
	err := c.pool.Do(ctx, write, limit, func(got transport.Response) {
		c.options.OnResponse(got.Status)
		errRead = read(response{status: got.Status, retryAfter: got.RetryAfter, body: got.Body})
	})
	if err != nil {
		c.options.OnResponse(0)
		return c.connectionError(ctx, err)
	}
	return errRead
}

// appendArray appends the events as a JSON array.
func appendArray(dst []byte, events []event.Event) []byte {
	dst = append(dst, '[')
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = codec.Append(dst, events[i])
	}
	return append(dst, ']')
}

// readOutcome reads the response to one event.
func readOutcome(got response) (event.Outcome, error) {
	switch got.status {
	case http.StatusOK, http.StatusAccepted:
	case http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge, http.StatusConflict:
		return event.Rejected, nil
	default:
		return 0, got.err()
	}
	// The form that eventagg writes needs no parser. Other forms are valid, too.
	switch {
	case bytes.HasPrefix(got.body, []byte(`{"status":"success",`)):
		return event.Stored, nil
	case bytes.HasPrefix(got.body, []byte(`{"status":"ignored",`)):
		if bytes.HasSuffix(bytes.TrimSpace(got.body), []byte(`,"conflict":true}`)) {
			return event.Conflict, nil
		}
		return event.Duplicate, nil
	}
	var published api.Published
	if err := json.Unmarshal(got.body, &published); err != nil {
		return 0, fmt.Errorf("%w: %w", errJSON, err)
	}
	return outcomeOf(published.Status, published.Conflict)
}

// errLarge says that a batch is larger than the server allows.
var errLarge = errors.New("batch too large for the server")

// maxResultBytes limits the average size of a result. That of an invalid event
// lists its errors.
const maxResultBytes = 2 << 10

// readOutcomes reads the response to a batch of n events.
func readOutcomes(got response, n int, report func(int, error)) ([]event.Outcome, error) {
	switch got.status {
	case http.StatusOK, http.StatusAccepted, http.StatusMultiStatus, http.StatusUnprocessableEntity:
	case http.StatusRequestEntityTooLarge:
		return nil, errLarge
	default:
		return nil, got.err()
	}
	if outcomes := scanOutcomes(got.body, n); outcomes != nil {
		return outcomes, nil
	}
	var batch api.Batch
	if err := json.Unmarshal(got.body, &batch); err != nil {
		return nil, fmt.Errorf("%w: %w", errJSON, err)
	}
	if len(batch.Results) != n {
		if got.status == http.StatusUnprocessableEntity {
			return nil, got.err() // the whole body was rejected
		}
		return nil, fmt.Errorf("%w: %d results for %d events", errResponse, len(batch.Results), n)
	}
	outcomes := make([]event.Outcome, n)
	for i, result := range batch.Results {
		var err error
		if outcomes[i], err = outcomeOf(result.Status, result.Conflict); err != nil {
			return nil, err
		}
		if outcomes[i] == event.Rejected {
			report(i, invalidError(result))
		}
	}
	return outcomes, nil
}

// invalidError returns what is wrong with an invalid event. A server lists the errors
// of the first 100 invalid events of a batch only.
func invalidError(result api.Result) error {
	if len(result.Errors) == 0 {
		return &event.InvalidError{Fields: []event.FieldError{{
			Field: event.FieldBody, Message: "is invalid; the server lists the errors of the first invalid events only",
		}}}
	}
	return &event.InvalidError{Fields: result.Errors}
}

// scanOutcomes reads the results of a batch without invalid events in the form
// that eventagg writes, otherwise it returns nil. It compares text instead of
// parsing each result, because the load generator often shares its machine with
// the server that it measures.
func scanOutcomes(body []byte, n int) []event.Outcome {
	const stored, duplicate = `{"status":"success"}`, `{"status":"ignored"}`
	_, rest, found := bytes.Cut(body, []byte(`"results":[`))
	if !found || len(rest) < n*len(stored) {
		return nil
	}
	outcomes := make([]event.Outcome, n)
	for i := range outcomes {
		if i > 0 {
			if len(rest) == 0 || rest[0] != ',' {
				return nil
			}
			rest = rest[1:]
		}
		switch {
		case len(rest) < len(stored):
			return nil
		case string(rest[:len(stored)]) == stored:
			outcomes[i] = event.Stored
		case string(rest[:len(duplicate)]) == duplicate:
			outcomes[i] = event.Duplicate
		default:
			return nil
		}
		rest = rest[len(stored):]
	}
	if len(rest) == 0 || rest[0] != ']' {
		return nil
	}
	return outcomes
}

// readTotals reads the response to n lines, which has totals. The outcomes are
// right in number, but not in order.
func readTotals(got response, n int, report func(int, error)) ([]event.Outcome, error) {
	switch got.status {
	case http.StatusOK, http.StatusAccepted, http.StatusMultiStatus, http.StatusUnprocessableEntity:
	default:
		return nil, got.err()
	}
	var batch api.Batch
	if err := json.Unmarshal(got.body, &batch); err != nil {
		return nil, fmt.Errorf("%w: %w", errJSON, err)
	}
	if results := batch.Success + batch.Ignored + batch.Queued + batch.Invalid; results != int64(n) {
		return nil, fmt.Errorf("%w: %d results for %d lines", errResponse, results, n)
	}
	for _, result := range batch.Results { // the request has no blank lines
		if result.Line != nil && 1 <= *result.Line && *result.Line <= int64(n) {
			report(int(*result.Line)-1, invalidError(result))
		}
	}
	return outcomesOf(batch, n), nil
}

// outcomesOf converts totals to outcomes. The lines in the results are rejected.
// The others are first stored, then duplicate, queued and rejected.
func outcomesOf(batch api.Batch, n int) []event.Outcome {
	outcomes := make([]event.Outcome, n)
	for _, result := range batch.Results {
		if result.Line != nil && 1 <= *result.Line && *result.Line <= int64(n) && batch.Invalid > 0 {
			outcomes[*result.Line-1] = event.Rejected
			batch.Invalid--
		}
	}
	for i := range outcomes {
		switch {
		case outcomes[i] == event.Rejected:
		case batch.Success > 0:
			outcomes[i] = event.Stored
			batch.Success--
		case batch.Ignored > 0:
			outcomes[i] = event.Duplicate
			batch.Ignored--
		case batch.Queued > 0:
			outcomes[i] = event.Queued
			batch.Queued--
		default:
			outcomes[i] = event.Rejected
		}
	}
	return outcomes
}

func outcomeOf(status string, conflict bool) (event.Outcome, error) {
	switch status {
	case api.StatusSuccess:
		return event.Stored, nil
	case api.StatusIgnored:
		if conflict {
			return event.Conflict, nil
		}
		return event.Duplicate, nil
	case api.StatusQueued:
		return event.Queued, nil
	case api.StatusInvalid:
		return event.Rejected, nil
	default:
		return 0, fmt.Errorf("%w: status %q", errResponse, status)
	}
}
