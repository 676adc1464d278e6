package publish

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// headerIdempotencyKey has the event_id of a single event that has none itself
// (draft-ietf-httpapi-idempotency-key-header).
const headerIdempotencyKey = "Idempotency-Key"

// parseDefaults returns what the query and the header say about members that events
// do not have: topic and source from parameters of these names, the time of now with
// defaults=true, and the event_id of a single event from Idempotency-Key. Other
// parameters are ignored.
func (h *Handler) parseDefaults(r *http.Request) (codec.Defaults, error) {
	var defaults codec.Defaults
	if keys := r.Header[headerIdempotencyKey]; len(keys) > 0 {
		defaults.ID = strings.Trim(strings.TrimSpace(keys[0]), `"`) // the draft wants a quoted string; many send it bare
	}
	if r.URL.RawQuery == "" {
		return defaults, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return defaults, &respond.Error{
			Status: http.StatusBadRequest,
			Detail: "The query string is invalid: an incomplete % escape, or a semicolon between parameters.",
		}
	}
	switch query.Get("defaults") {
	case "true":
		defaults.Timestamp = h.options.Now()
	case "", "false":
	default:
		return defaults, &respond.Error{
			Status: http.StatusUnprocessableEntity, Detail: "The query has invalid parameters; see errors.",
			Fields: []event.FieldError{{Field: "defaults", Message: "must be true or false"}},
		}
	}
	defaults.Topic, defaults.Source = query.Get("topic"), query.Get("source")
	return defaults, nil
}
