package chaostest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// requestTimeout is how long a sender waits for a response.
const requestTimeout = 2 * time.Second

// senders send events until they are stopped, and each event until it gets a response.
type senders struct {
	ledger  *ledger
	proxies []*proxy
	seed    uint64
	pause   time.Duration // after each request
	padding int           // additional bytes of each payload
	next    atomic.Int64
	running sync.WaitGroup

	unavailable atomic.Int64 // responses 503
}

func (s *senders) start(ctx context.Context, count int) {
	for i := range count {
		s.running.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			sender := &sender{
				senders: s, random: rand.New(rand.NewPCG(s.seed, uint64(i))),
				http: &http.Client{Transport: transport, Timeout: requestTimeout},
			}
			for ctx.Err() == nil {
				sender.send()
				time.Sleep(s.pause)
			}
		})
	}
}

type sender struct {
	*senders
	random *rand.Rand
	http   *http.Client
}

// send sends one request until it gets a response, each time to a random instance.
func (s *sender) send() {
	events := s.events()
	for {
		s.ledger.recordSent(events)
		outcomes, err := s.publish(events)
		if err == nil {
			s.ledger.recordOutcomes(events, outcomes)
			return
		}
		time.Sleep(time.Duration(s.random.Int64N(int64(200 * time.Millisecond))))
	}
}

// events returns one or more events, of which 30 % repeat an earlier one.
func (s *sender) events() []event.Event {
	count := 1
	if s.random.IntN(4) == 0 {
		count += s.random.IntN(50)
	}
	events := make([]event.Event, count)
	for i := range events {
		number := s.next.Add(1)
		if s.random.IntN(10) < 3 {
			number = s.random.Int64N(number) + 1
		}
		events[i] = event.Event{
			Topic: fmt.Sprintf("topic-%d", number%7), ID: fmt.Sprint(number), Timestamp: time.Unix(number, 0).UTC(),
			Source: "chaos", Payload: fmt.Sprintf(`{"number":%d,"padding":%q}`, number, padding(number, s.padding)),
		}
	}
	return events
}

// padding returns text that can hardly be compressed.
func padding(number int64, size int) string {
	random := rand.New(rand.NewPCG(uint64(number), 0))
	var text strings.Builder
	for text.Len() < size {
		fmt.Fprintf(&text, "%016x", random.Uint64())
	}
	return text.String()
}

// publish sends one request and returns its outcomes. A response that guarantees
// nothing is an error.
func (s *sender) publish(events []event.Event) ([]event.Outcome, error) {
	var body bytes.Buffer
	if len(events) == 1 {
		body.Write(codec.Append(nil, events[0]))
	} else {
		body.WriteByte('[')
		for i, e := range events {
			if i > 0 {
				body.WriteByte(',')
			}
			body.Write(codec.Append(nil, e))
		}
		body.WriteByte(']')
	}
	request, err := http.NewRequest(http.MethodPost, s.proxies[s.random.IntN(len(s.proxies))].url()+api.PathPublish, &body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", api.TypeJSON)
	if s.random.IntN(3) == 0 {
		request.Header.Set("Prefer", "respond-async")
	}
	response, err := s.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusServiceUnavailable {
		s.unavailable.Add(1)
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusAccepted {
		return nil, fmt.Errorf("status %d: %s", response.StatusCode, text)
	}
	return outcomes(text, len(events))
}

// outcomes parses a response.
func outcomes(text []byte, count int) ([]event.Outcome, error) {
	var response struct {
		Status  string       `json:"status"`
		Results []api.Result `json:"results"`
	}
	if err := json.Unmarshal(text, &response); err != nil {
		return nil, err
	}
	if count == 1 {
		response.Results = []api.Result{{Status: response.Status}}
	}
	if len(response.Results) != count {
		return nil, fmt.Errorf("%d results for %d events", len(response.Results), count)
	}
	found := make([]event.Outcome, count)
	for i, result := range response.Results {
		switch result.Status {
		case api.StatusSuccess:
			found[i] = event.Stored
		case api.StatusIgnored:
			found[i] = event.Duplicate
		case api.StatusQueued:
			found[i] = event.Queued
		default:
			return nil, fmt.Errorf("unexpected status %q", result.Status)
		}
	}
	return found, nil
}
