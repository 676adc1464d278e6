package query

import (
	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// boundTopic limits a read of events to what the key of the request may use. If the key
// has exactly one topic, that is the default; with several, the request must name one.
func boundTopic(id *auth.Identity, topic *string) error {
	if *topic == "" && id.Bounded() {
		*topic = id.OnlyTopic()
	}
	switch {
	case *topic == "" && id.Bounded():
		return respond.TopicForbidden("The API key may read only some topics; name one of them with ?topic=.")
	case *topic != "" && !id.MayUse(*topic):
		return respond.TopicForbidden("The API key may not read events of this topic.")
	default:
		return nil
	}
}

// needAllTopics refuses what is about all topics together.
func needAllTopics(c echo.Context) error {
	if respond.Identity(c).Bounded() {
		return respond.TopicForbidden("The API key may read only some topics, and this is about all of them; /stats/topics has those of the key.")
	}
	return nil
}
