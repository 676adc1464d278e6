package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	goodTopic = "good"
	// goodRate is the number of events a second of the well-behaved sender.
	goodRate = 50
	// goodTimeout is when the sender gives up on an event.
	goodTimeout = 10 * time.Second
)

// from returns the last byte's address of 127.0.0.0/8.
func from(last byte) *net.TCPAddr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, last)} }

// httpFrom returns an HTTP client with its own address.
func httpFrom(last byte) *http.Client {
	dialer := &net.Dialer{LocalAddr: from(last), Timeout: goodTimeout}
	return &http.Client{Timeout: goodTimeout, Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 64}}
}

// sender publishes single events on schedule, as an ordinary service does. It sends an
// event again after 429, 503 and lost connections.
type sender struct {
	address string
	http    *http.Client
	record  *record
	running sync.WaitGroup

	mu     sync.Mutex
	stored int64
}

func newSender(address string, r *record) *sender {
	return &sender{address: address, http: httpFrom(100), record: r}
}

// start sends until ctx ends.
func (s *sender) start(ctx context.Context) {
	s.running.Go(func() {
		tick := time.NewTicker(time.Second / goodRate)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case at := <-tick.C:
				s.running.Go(func() { s.publish(context.WithoutCancel(ctx), n, at) })
			case <-ctx.Done():
				return
			}
		}
	})
	s.running.Go(func() { s.read(ctx) })
}

func (s *sender) wait() { s.running.Wait() }

// publish sends an event until it is stored, or the time is over.
func (s *sender) publish(ctx context.Context, n int, scheduled time.Time) {
	body := fmt.Sprintf(`{"topic":%q,"event_id":"%d","timestamp":"2025-12-19T12:00:00Z","source":"good","payload":{"n":%d}}`, goodTopic, n, n)
	ctx, cancel := context.WithDeadline(ctx, scheduled.Add(goodTimeout))
	defer cancel()
	attempts := 0
	for ctx.Err() == nil {
		attempts++
		status, wait := s.post(ctx, body)
		if status == http.StatusOK {
			s.mu.Lock()
			s.stored++
			s.mu.Unlock()
			s.record.goodDone(scheduled, time.Since(scheduled), attempts)
			return
		}
		pause(ctx, wait)
	}
	s.record.goodFailed(scheduled)
}

// post sends an event once. It returns 0 for a status without a response, and the time to
// wait before the next attempt.
func (s *sender) post(ctx context.Context, body string) (status int, wait time.Duration) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+"/publish", strings.NewReader(body))
	if err != nil {
		return 0, time.Second
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.http.Do(request)
	if err != nil {
		return 0, 100 * time.Millisecond
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	return response.StatusCode, time.Duration(seconds) * time.Second
}

// read requests totals and events once a second, as a dashboard does.
func (s *sender) read(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, path := range []string{"/stats", "/events?limit=10&topic=" + goodTopic, "/stats/topics?limit=20", "/readyz"} {
			response, err := s.http.Get("http://" + s.address + path)
			if err != nil {
				s.record.goodRead(0)
				continue
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			s.record.goodRead(response.StatusCode)
		}
	}
}

// verify compares what was acknowledged with what the server counts.
func (s *sender) verify(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/stats/topics?topic="+goodTopic, http.NoBody)
	if err != nil {
		return err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return fmt.Errorf("read the topic after the attacks: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	var rows []struct {
		Stored int64 `json:"unique_processed"`
	}
	if err := json.NewDecoder(response.Body).Decode(&rows); err != nil || len(rows) != 1 {
		return fmt.Errorf("read the topic after the attacks: %d rows, %w", len(rows), err)
	}
	if s.stored > rows[0].Stored {
		return fmt.Errorf("%d events were acknowledged, and %d are stored", s.stored, rows[0].Stored)
	}
	return nil
}
