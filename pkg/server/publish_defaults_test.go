package server

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/api"
)

func TestPublish_Defaults(t *testing.T) {
	t.Parallel()
	const payloadOnly = `{"payload":{"k":1}}`
	noID := strings.Replace(goodEvent, `"event_id":"e",`, "", 1)
	for name, row := range map[string]struct {
		body, query string
		headers     []string
		status      int
		want        string
	}{
		"everything but the payload":               {payloadOnly, "topic=a%20b&source=s&defaults=true", []string{"Idempotency-Key", "k1"}, 200, `"topic":"a b","event_id":"k1"`},
		"a key in quotes":                          {noID, "", []string{"Idempotency-Key", `"k2"`}, 200, `"event_id":"k2"`},
		"an event_id overrides the key":            {goodEvent, "", []string{"Idempotency-Key", "k3"}, 200, `"event_id":"e"`},
		"a topic in the event overrides the query": {goodEvent, "topic=other&source=other&defaults=true", nil, 200, `"topic":"t"`},
		"no key":                                  {noID, "topic=a", nil, 422, `"field":"event_id"`},
		"an invalid key":                          {noID, "", []string{"Idempotency-Key", strings.Repeat("x", 513)}, 422, `"field":"event_id"`},
		"an invalid topic":                        {payloadOnly, "topic=%00&source=s&defaults=true", []string{"Idempotency-Key", "k"}, 422, `"field":"topic"`},
		"no timestamp without defaults":           {payloadOnly, "topic=a&source=s", []string{"Idempotency-Key", "k"}, 422, `"field":"timestamp"`},
		"a null timestamp is invalid":             {`{"payload":{},"timestamp":null}`, "topic=a&source=s&defaults=true", []string{"Idempotency-Key", "k"}, 422, `"must not be null"`},
		"defaults that is neither true nor false": {goodEvent, "defaults=yes", nil, 422, `"field":"defaults"`},
		"an invalid query":                        {goodEvent, "topic=%", nil, 400, "query string"},
		"a batch has no key":                      {"[" + noID + "]", "", []string{"Idempotency-Key", "k"}, 422, `"field":"event_id"`},
		"a batch has the other defaults":          {`[{"event_id":"1","payload":{}},{"event_id":"2","payload":{}}]`, "topic=a&source=s&defaults=true", nil, 200, `"success":2`},
		"lines have the other defaults":           {"{\"event_id\":\"1\",\"payload\":{}}\n{\"event_id\":\"2\",\"payload\":{}}\n", "topic=a&source=s&defaults=true", []string{"Content-Type", api.TypeLines}, 200, `"success":2`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serverWith(&memory{})
			response := send(s, "POST", "/publish?"+row.query, row.body, row.headers...)
			if response.Code != row.status || !strings.Contains(response.Body.String(), row.want) {
				t.Errorf("got %d %s, want %d %s", response.Code, response.Body, row.status, row.want)
			}
		})
	}
}

// TestPublish_DefaultsEndWithTheRequest: a decoder is reused for other requests.
func TestPublish_DefaultsEndWithTheRequest(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	query := "?topic=a&source=" + url.QueryEscape("web 1") + "&defaults=true"
	if response := send(s, "POST", "/publish"+query, `{"payload":{}}`, "Idempotency-Key", "k"); response.Code != 200 {
		t.Fatalf("got %d %s", response.Code, response.Body)
	}
	response := send(s, "POST", "/publish", `{"payload":{}}`)
	var problem api.Problem
	if err := json.Unmarshal(response.Body.Bytes(), &problem); err != nil || response.Code != 422 || len(problem.Errors) != 4 {
		t.Errorf("got %d %s", response.Code, response.Body)
	}
	stored := send(s, "GET", "/events/a/k", "").Body.String()
	if !strings.Contains(stored, `"timestamp":"2025-12-19T12:00:00Z"`) || !strings.Contains(stored, `"source":"web 1"`) {
		t.Errorf("stored %s", stored)
	}
}
