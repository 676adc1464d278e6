package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
)

func TestShutdown_FinishesAcceptedRequests(t *testing.T) {
	t.Parallel()
	m := &memory{hold: make(chan struct{})}
	entered := make(chan struct{})
	s := serverWith(m, func(o *Options) { o.Appender = signalingStore{m, entered} })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	s.http.Handler = contract.Handler(s.http.Handler)
	go func() { served <- s.Serve(listener) }()
	address := "http://" + listener.Addr().String()
	client := newHTTP(t)

	responses := make(chan string, 1)
	go func() {
		response, err := client.Post(address+"/publish", "", strings.NewReader(goodEvent))
		if err != nil {
			responses <- err.Error()
			return
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		responses <- fmt.Sprint(response.StatusCode, " ", response.Close, " ", string(body))
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.WithoutCancel(t.Context())) }()
	if err := <-served; err != nil { // returns as soon as the listener is closed
		t.Errorf("serve: %v", err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("the server still accepts connections")
	}
	close(m.hold)
	if got := <-responses; !strings.HasPrefix(got, `200 true {"status":"success"`) {
		t.Errorf("the running request got %s", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// signalingStore closes entered when an append begins.
type signalingStore struct {
	*memory
	entered chan struct{}
}

func (n signalingStore) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	close(n.entered)
	return n.memory.Append(ctx, events)
}

func TestShutdown_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	m := &memory{hold: make(chan struct{})}
	entered := make(chan struct{})
	s := serverWith(m, func(o *Options) { o.Appender = signalingStore{m, entered} })
	address := listen(t, s)
	lost := make(chan error, 1)
	client := newHTTP(t)
	go func() {
		response, err := client.Post("http://"+address+"/publish", "", strings.NewReader(goodEvent))
		if err == nil {
			_ = response.Body.Close()
		}
		lost <- err
	}()
	<-entered
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(over); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-lost; err == nil {
		t.Error("the request got a response")
	}
	close(m.hold) // ends the append, which Shutdown did not wait for
}

func TestDrain_SendsConnectionClose(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	address := listen(t, s)
	client := newHTTP(t)
	for _, draining := range []bool{false, true} {
		if draining {
			s.Drain()
		}
		response, err := client.Get("http://" + address + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.Close != draining || response.StatusCode != http.StatusOK {
			t.Errorf("draining %t: close %t, status %d", draining, response.Close, response.StatusCode)
		}
	}
}

func TestServe_ReturnsListenerError(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := serverWith(&memory{}).Serve(listener); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
