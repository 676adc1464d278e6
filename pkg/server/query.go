package server

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
	"github.com/eventagg/eventagg/pkg/store"
)

// How many events a page of GET /events has.
const (
	defaultLimit = 10
	maxLimit     = 1000
)

// eventsQuery is what GET /events asks for.
type eventsQuery struct {
	filter  store.Filter
	limit   int
	cursor  api.Cursor
	settled bool
}

// parseEventsQuery reads a query string. Syntax that net/url can't read is
// answered 400, and every wrong value 422 with its parameter's name. A name
// that is not known is wrong too: a misspelt filter that is ignored would show
// other events than were asked for.
func parseEventsQuery(raw string) (eventsQuery, error) {
	p, err := newParams(raw)
	if err != nil {
		return eventsQuery{}, err
	}
	query := eventsQuery{limit: defaultLimit}
	p.checkNames("topic", "source", "since", "until", "limit", "cursor", "settled")
	p.read("topic", func(text string) error { query.filter.Topic = text; return nil })
	p.read("source", func(text string) error { query.filter.Source = text; return nil })
	p.read("since", func(text string) (err error) { query.filter.Since, err = parseTime(text); return err })
	p.read("until", func(text string) (err error) { query.filter.Until, err = parseTime(text); return err })
	p.read("limit", func(text string) (err error) { query.limit, err = parseLimit(text); return err })
	p.read("cursor", func(text string) (err error) { query.cursor, err = parseCursor(text); return err })
	p.read("settled", func(text string) (err error) { query.settled, err = parseSettled(text); return err })
	p.checkFilter(query.filter)
	if query.settled && p.values.Has("cursor") {
		p.add("settled", "can't be combined with cursor")
	}
	return query, p.fault()
}

// link is one link of the Link header (RFC 8288): the same query at another
// place. The reference is relative to the server, so that it holds behind any
// host name.
func (q eventsQuery) link(cursor api.Cursor, relation string) string {
	values := url.Values{"cursor": {cursor.String()}, "limit": {strconv.Itoa(q.limit)}}
	for name, text := range map[string]string{"topic": q.filter.Topic, "source": q.filter.Source} {
		if text != "" {
			values.Set(name, text)
		}
	}
	for name, t := range map[string]time.Time{"since": q.filter.Since, "until": q.filter.Until} {
		if !t.IsZero() {
			values.Set(name, codec.FormatTime(t))
		}
	}
	return "<" + api.PathEvents + "?" + values.Encode() + `>; rel="` + relation + `"`
}

// params reads query parameters one by one and gathers all that is wrong.
type params struct {
	values url.Values
	faults []event.FieldError
}

func newParams(raw string) (params, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return params{}, &requestError{
			status: http.StatusBadRequest,
			detail: "The query string is broken: an incomplete % escape, or a semicolon between parameters.",
		}
	}
	return params{values: values}, nil
}

// fault is the answer to all that is wrong, nil where nothing is.
func (p *params) fault() error {
	if len(p.faults) == 0 {
		return nil
	}
	return &requestError{
		status: http.StatusUnprocessableEntity, detail: "The query has invalid parameters; see errors.", faults: p.faults,
	}
}

func (p *params) add(name, message string) {
	p.faults = append(p.faults, event.FieldError{Field: name, Message: message})
}

func (p *params) checkNames(known ...string) {
	names := make([]string, 0, len(p.values))
	for name := range p.values {
		names = append(names, name)
	}
	slices.Sort(names) // a map's order is no order for an answer
	for _, name := range names {
		if !slices.Contains(known, name) {
			p.add(strings.ToValidUTF8(name, "\uFFFD"), "is not a parameter here; known are "+strings.Join(known, ", "))
		}
	}
}

// read hands the value of a parameter to set, if it is there.
func (p *params) read(name string, set func(text string) error) {
	values, found := p.values[name]
	switch {
	case !found:
	case len(values) > 1:
		p.add(name, "must not be there twice")
	case values[0] == "":
		p.add(name, "must not be empty")
	default:
		if err := set(values[0]); err != nil {
			p.add(name, err.Error())
		}
	}
}

// checkFilter applies the rules of an event's texts: no event can match one that
// breaks them, and a database may refuse it.
func (p *params) checkFilter(filter store.Filter) {
	for _, fault := range textFaults(event.Event{Topic: filter.Topic, Source: filter.Source}, "topic", "source") {
		if text := p.values[fault.Field]; len(text) == 1 && text[0] != "" {
			p.add(fault.Field, fault.Message)
		}
	}
}

// textFaults is what is wrong with the named fields of an event of which
// nothing else is known.
func textFaults(e event.Event, fields ...string) []event.FieldError {
	var invalid *event.InvalidError
	if !errors.As(e.Validate(), &invalid) {
		return nil
	}
	return slices.DeleteFunc(invalid.Fields, func(fault event.FieldError) bool { return !slices.Contains(fields, fault.Field) })
}

// Faults of parameters, worded to follow the parameter's name.
var (
	errLimit   = errors.New("must be a whole number from 1 to 1000")
	errCursor  = errors.New("must be one that a Link header of this server gave")
	errSettled = errors.New("must be true or false")
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

func parseSettled(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errSettled
}

// parseTime reads a time in the forms of an event's timestamp. A plus sign that
// was not escaped arrives as a space; where only that reading makes sense, the
// last space is the plus of an offset: "2025-12-19T12:00:00 07:00".
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
