package query

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// Number of events in a page of GET /events, and of rows in a page of
// GET /stats/topics.
const (
	defaultLimit  = 10
	maxLimit      = 1000
	defaultTopics = 1000
)

// eventsQuery is the query of GET /events.
type eventsQuery struct {
	filter  store.Filter
	limit   int
	cursor  api.Cursor
	settled bool
}

// parseEventsQuery reads a query string. Invalid syntax is a 400. Every invalid
// value is a 422 that names its parameter. So is an unknown name: if a misspelt
// filter was ignored, the response would have the wrong events.
func parseEventsQuery(raw string) (eventsQuery, error) {
	p, err := newParams(raw)
	if err != nil {
		return eventsQuery{}, err
	}
	query := eventsQuery{limit: defaultLimit}
	p.checkNames("topic", "source", "event_id", "since", "until", "limit", "cursor", "settled")
	p.read("topic", func(text string) error { query.filter.Topic = text; return nil })
	p.read("source", func(text string) error { query.filter.Source = text; return nil })
	p.read("event_id", func(text string) error { query.filter.ID = text; return nil })
	p.read("since", func(text string) (err error) { query.filter.Since, err = parseTime(text); return err })
	p.read("until", func(text string) (err error) { query.filter.Until, err = parseTime(text); return err })
	p.read("limit", func(text string) (err error) { query.limit, err = parseLimit(text); return err })
	p.read("cursor", func(text string) (err error) { query.cursor, err = parseCursor(text); return err })
	p.read("settled", func(text string) (err error) { query.settled, err = parseBool(text); return err })
	p.checkFilter(query.filter)
	if query.settled && p.values.Has("cursor") {
		p.add("settled", "can't be combined with cursor")
	}
	return query, p.err()
}

// link is one link of the Link header (RFC 8288): the same query with another
// cursor. The reference is relative to the request, so it is valid behind any host
// name and any path prefix of a proxy.
func (q eventsQuery) link(cursor api.Cursor, relation string) string {
	values := url.Values{"cursor": {cursor.String()}, "limit": {strconv.Itoa(q.limit)}}
	for name, text := range map[string]string{"topic": q.filter.Topic, "source": q.filter.Source, "event_id": q.filter.ID} {
		if text != "" {
			values.Set(name, text)
		}
	}
	for name, t := range map[string]time.Time{"since": q.filter.Since, "until": q.filter.Until} {
		if !t.IsZero() {
			values.Set(name, codec.FormatTime(t))
		}
	}
	return "<?" + values.Encode() + `>; rel="` + relation + `"`
}

// params reads query parameters one by one and collects all errors.
type params struct {
	values url.Values
	errors []event.FieldError
}

func newParams(raw string) (params, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return params{}, &respond.Error{
			Status: http.StatusBadRequest,
			Detail: "The query string is invalid: an incomplete % escape, or a semicolon between parameters.",
		}
	}
	return params{values: values}, nil
}

// err returns all errors as one response, nil if there are none.
func (p *params) err() error {
	if len(p.errors) == 0 {
		return nil
	}
	return &respond.Error{
		Status: http.StatusUnprocessableEntity, Detail: "The query has invalid parameters; see errors.", Fields: p.errors,
	}
}

func (p *params) add(name, message string) {
	p.errors = append(p.errors, event.FieldError{Field: name, Message: message})
}

func (p *params) checkNames(known ...string) {
	names := make([]string, 0, len(p.values))
	for name := range p.values {
		names = append(names, name)
	}
	slices.Sort(names) // the order of a map is random
	for _, name := range names {
		if !slices.Contains(known, name) {
			p.add(strings.ToValidUTF8(name, "\uFFFD"), "is not a parameter of this path; known are "+strings.Join(known, ", "))
		}
	}
}

// read passes the value of a parameter to set, if the query has it.
func (p *params) read(name string, set func(text string) error) {
	values, found := p.values[name]
	switch {
	case !found:
	case len(values) > 1:
		p.add(name, "must not appear twice")
	case values[0] == "":
		p.add(name, "must not be empty")
	default:
		if err := set(values[0]); err != nil {
			p.add(name, err.Error())
		}
	}
}

// checkFilter applies the rules of an event's texts. No event can match a text that
// breaks them, and a database may refuse it.
func (p *params) checkFilter(filter store.Filter) {
	for _, found := range textErrors(event.Event{Topic: filter.Topic, ID: filter.ID, Source: filter.Source}, "topic", "event_id", "source") {
		if text := p.values[found.Field]; len(text) == 1 && text[0] != "" {
			p.add(found.Field, found.Message)
		}
	}
}

// textErrors returns what is wrong with the named fields of an event whose other
// fields are empty.
func textErrors(e event.Event, fields ...string) []event.FieldError {
	var invalid *event.InvalidError
	if !errors.As(e.Validate(), &invalid) {
		return nil
	}
	return slices.DeleteFunc(invalid.Fields, func(f event.FieldError) bool { return !slices.Contains(fields, f.Field) })
}

// Errors of parameters. Each continues the name of the parameter.
var (
	errLimit  = errors.New("must be a whole number from 1 to 1000")
	errCursor = errors.New("must come from a Link header of this server")
	errBool   = errors.New("must be true or false")
)

func parseLimit(text string) (int, error) {
	limit, err := strconv.ParseUint(text, 10, 16)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, errLimit
	}
	return int(limit), nil
}

func parseCursor(text string) (api.Cursor, error) {
	cursor, err := api.ParseCursor(text)
	if err != nil {
		return api.Cursor{}, errCursor
	}
	return cursor, nil
}

func parseBool(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errBool
}

// parseTime reads a time in the forms of an event's timestamp. A plus sign that was
// not escaped arrives as a space. If only that reading makes sense, the last space
// is the plus of an offset: "2025-12-19T12:00:00 07:00".
func parseTime(text string) (time.Time, error) {
	t, err := codec.ParseTime(text)
	if err == nil {
		return t, nil
	}
	if i := strings.LastIndexByte(text, ' '); i >= 0 {
		if t, plusErr := codec.ParseTime(text[:i] + "+" + text[i+1:]); plusErr == nil {
			return t, nil
		}
	}
	return time.Time{}, err
}
