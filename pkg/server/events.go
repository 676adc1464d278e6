package server

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/store"
)

// page is an answer of GET /events: records newest first, and where its links
// lead, nil for nowhere.
type page struct {
	records    []store.Record
	next, prev *api.Cursor
}

// events answers a page of events, newest first.
func (s *Server) events(c echo.Context) error {
	query, err := parseEventsQuery(c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), readTimeout)
	defer cancel()
	found, err := s.readPage(ctx, query)
	if err != nil {
		return err
	}
	var links []string
	if found.next != nil {
		links = append(links, query.link(*found.next, "next"))
	}
	if found.prev != nil {
		links = append(links, query.link(*found.prev, "prev"))
	}
	if len(links) > 0 {
		c.Response().Header().Set("Link", strings.Join(links, ", "))
	}
	return s.writeRecords(c, found.records)
}

// readPage reads what a query asks for. The store ends a page of large events
// before the limit, so that its length says nothing of what lies behind it.
func (s *Server) readPage(ctx context.Context, query eventsQuery) (page, error) {
	if query.cursor.Newer {
		return s.readNewer(ctx, query)
	}
	var found page
	before := query.cursor.Position
	if query.settled {
		settled, err := s.options.Store.StableHead(ctx)
		if err != nil {
			return page{}, err
		}
		before = settled
		found.prev = &api.Cursor{Newer: true, Position: settled}
		if settled.IsZero() { // nothing is settled; to Older the zero Position means the newest
			return found, nil
		}
	}
	var more bool
	var err error
	if found.records, more, err = s.options.Store.Older(ctx, query.filter, before, query.limit); err != nil {
		return page{}, err
	}
	if more {
		found.next = &api.Cursor{Position: found.records[len(found.records)-1].Position}
	}
	return found, nil
}

// readNewer reads what was stored after a cursor. Such a page always has a
// link to newer events, even when there are none yet: a follower polls with it.
func (s *Server) readNewer(ctx context.Context, query eventsQuery) (page, error) {
	records, position, err := s.options.Store.Newer(ctx, query.filter, query.cursor.Position, query.limit)
	if err != nil {
		return page{}, err
	}
	slices.Reverse(records)
	return page{records: records, prev: &api.Cursor{Newer: true, Position: position}}, nil
}

// writeBytes is how much of a list is gathered before it is sent.
const writeBytes = 32 << 10

// writeRecords sends records as an array. A page may have [store.PageBytes], so
// its text never stands in memory as a whole.
func (s *Server) writeRecords(c echo.Context, records []store.Record) error {
	buffer := make([]byte, 0, writeBytes)
	buffer = append(buffer, '[')
	for i, record := range records {
		if i > 0 {
			buffer = append(buffer, ',')
		}
		buffer = appendRecord(buffer, record)
		if len(buffer) < writeBytes {
			continue
		}
		c.Response().Header()["Content-Type"] = s.headers.json
		if c.Request().Method == http.MethodHead {
			c.Response().WriteHeader(http.StatusOK)
			return nil
		}
		if _, err := c.Response().Write(buffer); err != nil {
			return err
		}
		buffer = buffer[:0]
	}
	buffer = append(buffer, ']', '\n')
	if c.Response().Committed {
		_, err := c.Response().Write(buffer)
		return err
	}
	return s.write(c, http.StatusOK, s.headers.json, buffer)
}

// appendRecord appends the text of an [api.Event]. The payload goes out as the
// text that was stored, digit by digit.
func appendRecord(dst []byte, record store.Record) []byte {
	dst = codec.Append(dst, record.Event)
	dst = append(dst[:len(dst)-1], `,"created_at":"`...)
	dst = append(dst, codec.FormatTime(record.CreatedAt)...)
	return append(dst, '"', '}')
}

// event answers one event by its key.
func (s *Server) event(c echo.Context) error {
	key, ok := eventKey(c.Request().URL)
	if !ok {
		return store.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), readTimeout)
	defer cancel()
	record, err := s.options.Store.Event(ctx, key)
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, s.headers.json, append(appendRecord(nil, record), '\n'))
}

// eventKey reads the key out of /events/{topic}/{event_id}. Echo's own
// parameters are unescaped for some paths and not for others, depending on
// whether the path has an escape that net/url would not have made; a topic that
// has a percent sign itself could not be told. So the path is cut as it was
// sent, and each part unescaped once.
//
// A key that no event can have is not ok. It must not reach the store, which
// may refuse such a text (PostgreSQL does with U+0000) rather than not find it.
func eventKey(address *url.URL) (event.Key, bool) {
	rest := strings.TrimPrefix(address.EscapedPath(), api.PathEvents+"/")
	topic, id, found := strings.Cut(rest, "/")
	if !found || strings.Contains(id, "/") {
		return event.Key{}, false
	}
	var key event.Key
	var errTopic, errID error
	key.Topic, errTopic = url.PathUnescape(topic)
	key.ID, errID = url.PathUnescape(id)
	ok := errTopic == nil && errID == nil && len(textFaults(event.Event{Topic: key.Topic, ID: key.ID}, "topic", "event_id")) == 0
	return key, ok
}
