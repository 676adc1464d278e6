package server

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
)

// oneTopic is an appender with a limit of topics: it refuses all but the topic t.
type oneTopic struct{ *memory }

func (o oneTopic) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	refused := o.refused(ctx, events)
	outcomes := make([]event.Outcome, len(events))
	for i, e := range events {
		if outcomes[i] = event.TopicRefused; !refused[e.Topic] {
			outcomes[i] = o.add(e)
		}
	}
	return outcomes, nil
}

func (oneTopic) refused(_ context.Context, events []event.Event) map[string]bool {
	refused := map[string]bool{}
	for _, e := range events {
		if e.Topic != "t" {
			refused[e.Topic] = true
		}
	}
	return refused
}

func TestPublish_TopicsAboveTheLimitAreInvalid(t *testing.T) {
	t.Parallel()
	further := strings.Replace(goodEvent, `"topic":"t"`, `"topic":"u"`, 1)
	const errors = `"errors":[{"field":"topic","message":"is new, and there are as many topics as allowed (ingest.max_topics); ` +
		`use a topic that exists, or let the operator raise the limit"}]`
	for name, row := range map[string]struct {
		body    string
		headers []string
		status  int
		want    string
		stored  int64
	}{
		"one event": {further, nil, 422, errors, 0},
		"a batch": {
			"[" + further + "," + goodEvent + "]", nil, 207,
			`{"received":1,"success":1,"ignored":0,"invalid":1,"results":[{"status":"invalid",` + errors + `},{"status":"success"}]}`, 1,
		},
		"a batch, minimal": {
			"[" + goodEvent + "," + further + "]", []string{"Prefer", "return=minimal"}, 207, `"results":[{"index":1,"status":"invalid",` + errors + `}]`, 1,
		},
		"a batch, all or nothing": {
			"[" + goodEvent + "," + further + "]", []string{"Prefer", "handling=strict"}, 422,
			`{"received":0,"success":0,"ignored":0,"invalid":1,"results":[{"status":"skipped"},{"status":"invalid",` + errors + `}]}`, 0,
		},
		"a batch without such an event, all or nothing": {
			"[" + goodEvent + "]", []string{"Prefer", "handling=strict"}, 200, `{"received":1,"success":1,"ignored":0,"invalid":0,"results":[{"status":"success"}]}`, 1,
		},
		"lines": {
			further + "\n" + goodEvent, []string{"Content-Type", api.TypeLines}, 207,
			`{"received":1,"success":1,"ignored":0,"invalid":1,"results":[{"line":1,"status":"invalid",` + errors + `}]}`, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{}
			s := serverWith(m, func(o *Options) { o.Appender, o.TopicsRefused = oneTopic{m}, oneTopic{m}.refused })
			response := send(s, "POST", "/publish", row.body, row.headers...)
			if response.Code != row.status || !strings.Contains(response.Body.String(), row.want) {
				t.Errorf("got %d %s\nwant %d %s", response.Code, response.Body, row.status, row.want)
			}
			if m.counts.Stored != row.stored {
				t.Errorf("%d events are stored, want %d", m.counts.Stored, row.stored)
			}
		})
	}
}

// TestPublish_RefusedTopicsAreCounted: the metrics show them.
func TestPublish_RefusedTopicsAreCounted(t *testing.T) {
	t.Parallel()
	m := &memory{}
	var counted event.Tally
	s := serverWith(m, func(o *Options) {
		o.Appender, o.OnEvents = oneTopic{m}, func(_ string, t event.Tally) { counted = counted.Add(t) }
	})
	further := strings.Replace(goodEvent, `"topic":"t"`, `"topic":"u"`, 1)
	for _, body := range []string{further, fmt.Sprintf("[%s,%s]", further, goodEvent)} {
		send(s, "POST", "/publish", body)
	}
	if want := (event.Tally{Stored: 1, Rejected: 2}); counted != want {
		t.Errorf("counted %+v, want %+v", counted, want)
	}
}
