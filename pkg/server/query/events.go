package query

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// page is a response of GET /events: records, newest first, and the cursors of its
// links, nil for no link.
type page struct {
	records    []store.Record
	next, prev *api.Cursor
}

// Events handles GET /events: a page of events, newest first.
func (h *Handler) Events(c echo.Context) error {
	query, err := parseEventsQuery(c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	if err := boundTopic(respond.Identity(c), &query.filter.Topic); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), readTimeout)
	defer cancel()
	var found page
	var memory *held
	err = h.refusals.guard(c, func() error {
		return h.events.read(ctx, respond.Client(c), func() (err error) {
			found, memory, err = h.readWithin(ctx, respond.Client(c), query)
			return err
		})
	})
	if err != nil {
		return err
	}
	defer memory.release()
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
	return h.writeRecords(c, found.records, memory)
}

// readWithin reads the page of a query and takes memory for it. If there may be too
// little, it reads one event first and estimates the size of the page: a page of large
// events that is read and then refused uses memory and CPU, too.
func (h *Handler) readWithin(ctx context.Context, client string, query eventsQuery) (page, *held, error) {
	part := &held{budget: h.memory, client: client}
	if h.memory.Admit(client, store.PageBytes) != nil {
		one := query
		one.limit = 1
		first, err := h.readPage(ctx, one)
		if err != nil {
			return page{}, nil, err
		}
		if err := part.resize(min(pageBytes(first.records)*int64(query.limit), store.PageBytes)); err != nil {
			return page{}, nil, err
		}
	}
	found, err := h.readPage(ctx, query)
	if err == nil {
		err = part.resize(pageBytes(found.records))
	}
	if err != nil {
		part.release()
		return page{}, nil, err
	}
	return found, part, nil
}

// readPage reads the page of a query. The store ends a page of large events before
// the limit, so the length of a page does not show whether more events follow.
func (h *Handler) readPage(ctx context.Context, query eventsQuery) (page, error) {
	if query.cursor.Newer {
		return h.readNewer(ctx, query)
	}
	var found page
	before := query.cursor.Position
	if query.settled {
		head, err := h.options.Store.StableHead(ctx)
		if err != nil {
			return page{}, err
		}
		before = head
		found.prev = &api.Cursor{Newer: true, Position: head}
		if head.IsZero() { // there is no event; for Older the zero Position means the newest
			return found, nil
		}
	}
	var more bool
	var err error
	if found.records, more, err = h.options.Store.Older(ctx, query.filter, before, query.limit); err != nil {
		return page{}, err
	}
	if more {
		found.next = &api.Cursor{Position: found.records[len(found.records)-1].Position}
	}
	return found, nil
}

// readNewer reads what was stored after a cursor. Such a page always has a link to
// newer events, even if there are none yet: a polling follower uses it.
func (h *Handler) readNewer(ctx context.Context, query eventsQuery) (page, error) {
	records, position, err := h.options.Store.Newer(ctx, query.filter, query.cursor.Position, query.limit)
	if err != nil {
		return page{}, err
	}
	slices.Reverse(records)
	return page{records: records, prev: &api.Cursor{Newer: true, Position: position}}, nil
}

// writeRecords sends records as an array. A page may have [store.PageBytes], so its
// text is never in memory as a whole, and what was written is freed.
func (h *Handler) writeRecords(c echo.Context, records []store.Record, memory *held) error {
	buffer := make([]byte, 0, respond.PieceBytes)
	buffer = append(buffer, '[')
	var pieces *respond.Pieces
	size := int64(0)
	for i := range records {
		if i > 0 {
			buffer = append(buffer, ',')
		}
		buffer = appendRecord(buffer, records[i])
		size += int64(records[i].Size())
		records[i] = store.Record{}
		if len(buffer) < respond.PieceBytes {
			continue
		}
		if pieces == nil {
			pieces = respond.NewPieces(c)
			c.Response().Header()["Content-Type"] = h.headers.JSON
			c.Response().WriteHeader(http.StatusOK)
		}
		if c.Request().Method == http.MethodHead {
			return nil
		}
		if _, err := pieces.Write(buffer); err != nil {
			return err
		}
		memory.free(size)
		buffer, size = buffer[:0], 0
	}
	buffer = append(buffer, ']', '\n')
	if pieces != nil {
		_, err := pieces.Write(buffer)
		return err
	}
	return respond.Bytes(c, http.StatusOK, h.headers.JSON, buffer)
}

// appendRecord appends the text of an [api.Event]. The payload is the stored text,
// with every digit of its numbers.
func appendRecord(dst []byte, record store.Record) []byte {
	dst = codec.Append(dst, record.Event)
	dst = append(dst[:len(dst)-1], `,"created_at":"`...)
	dst = append(dst, codec.FormatTime(record.CreatedAt)...)
	return append(dst, '"', '}')
}
