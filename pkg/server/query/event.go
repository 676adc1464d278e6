package query

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// Event handles GET /events/{topic}/{event_id}.
func (h *Handler) Event(c echo.Context) error {
	key, ok := eventKey(c.Request().URL)
	if !ok {
		return store.ErrNotFound
	}
	if err := boundTopic(respond.Identity(c), &key.Topic); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), readTimeout)
	defer cancel()
	var record store.Record
	var memory *held
	err := h.refusals.guard(c, func() (err error) {
		if record, err = h.options.Store.Event(ctx, key); err == nil {
			memory, err = h.hold(c, 2*int64(record.Size())) // the event and its text
		}
		return err
	})
	if err != nil {
		return err
	}
	defer memory.release()
	return respond.Bytes(c, http.StatusOK, h.headers.JSON, append(appendRecord(nil, record), '\n'))
}

// eventKey reads the key from /events/{topic}/{event_id}. Echo unescapes its
// parameters for some paths and not for others, depending on escapes that net/url
// would not have made. A topic with a percent sign would then be ambiguous. So the
// path is split as it was sent, and each part is unescaped once.
//
// It returns false for a key that no event can have. Such a key must not reach the
// store, which may refuse the text (PostgreSQL refuses U+0000) instead of not
// finding it.
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
	ok := errTopic == nil && errID == nil && len(textErrors(event.Event{Topic: key.Topic, ID: key.ID}, "topic", "event_id")) == 0
	return key, ok
}
