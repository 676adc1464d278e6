package query

import (
	"context"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// Duplicates handles GET /duplicates: a page of reports, the one with the latest
// duplicate first.
func (h *Handler) Duplicates(c echo.Context) error {
	query, err := parseDuplicatesQuery(c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	if err := boundTopic(respond.Identity(c), &query.Topic); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), readTimeout)
	defer cancel()
	limit := query.Limit
	query.Limit++ // one more row shows whether there is a next page
	var reports []store.DuplicateReport
	err = h.topics.read(ctx, respond.Client(c), func() (err error) {
		reports, err = h.options.Store.Duplicates(ctx, query)
		return err
	})
	if err != nil {
		return err
	}
	if len(reports) > limit {
		reports = reports[:limit]
		c.Response().Header().Set("Link", duplicatesLink(query, reports[limit-1], limit))
	}
	rows := make([]api.Duplicate, 0, len(reports)) // not nil: without reports the JSON is [], not null
	for i := range reports {
		rows = append(rows, api.NewDuplicate(&reports[i]))
	}
	return h.sendJSON(c, rows)
}

// parseDuplicatesQuery reads a query string as [parseEventsQuery] does.
func parseDuplicatesQuery(raw string) (store.DuplicateQuery, error) {
	p, err := newParams(raw)
	if err != nil {
		return store.DuplicateQuery{}, err
	}
	query := store.DuplicateQuery{Limit: defaultLimit}
	p.checkNames("topic", "conflict", "limit", "cursor")
	p.read("topic", func(text string) error { query.Topic = text; return nil })
	p.read("conflict", func(text string) (err error) { query.Conflicts, err = parseBool(text); return err })
	p.read("limit", func(text string) (err error) { query.Limit, err = parseLimit(text); return err })
	p.read("cursor", func(text string) error {
		cursor, err := api.ParseDuplicateCursor(text)
		if err != nil || len(textErrors(event.Event{Topic: cursor.Topic, ID: cursor.EventID}, "topic", "event_id")) > 0 {
			return errCursor
		}
		query.After.Key = event.Key{Topic: cursor.Topic, ID: cursor.EventID}
		query.After.LastSeen = cursor.LastSeen
		return nil
	})
	p.checkFilter(store.Filter{Topic: query.Topic})
	return query, p.err()
}

// duplicatesLink is the link to the page after a row.
func duplicatesLink(query store.DuplicateQuery, last store.DuplicateReport, limit int) string {
	cursor := api.DuplicateCursor{LastSeen: last.LastSeen, Topic: last.Topic, EventID: last.ID}
	values := url.Values{"cursor": {cursor.String()}, "limit": {strconv.Itoa(limit)}}
	if query.Topic != "" {
		values.Set("topic", query.Topic)
	}
	if query.Conflicts {
		values.Set("conflict", "true")
	}
	return "<?" + values.Encode() + `>; rel="next"`
}
