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

func TestShutdownAnswersWhatWasAccepted(t *testing.T) {
	t.Parallel()
	m := &memory{hold: make(chan struct{})}
	entered := make(chan struct{})
	s := serverWith(m, func(o *Options) { o.Appender = notify{m, entered} })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	s.http.Handler = contract.Handler(s.http.Handler)
	go func() { served <- s.Serve(listener) }()
	address := "http://" + listener.Addr().String()
	client := newHTTP(t)

	answered := make(chan string, 1)
	go func() {
		response, err := client.Post(address+"/publish", "", strings.NewReader(goodEvent))
		if err != nil {
			answered <- err.Error()
			return
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		answered <- fmt.Sprint(response.StatusCode, " ", response.Close, " ", string(body))
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.WithoutCancel(t.Context())) }()
	if err := <-served; err != nil { // returns as soon as nothing more is accepted
		t.Errorf("serve: %v", err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("still accepts connections")
	}
	close(m.hold)
	if got := <-answered; !strings.HasPrefix(got, `200 true {"status":"success"`) {
		t.Errorf("the request under way got %s", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// notify tells when an append begins.
type notify struct {
	*memory
	entered chan struct{}
}

func (n notify) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	close(n.entered)
	return n.memory.Append(ctx, events)
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	m := &memory{hold: make(chan struct{})}
	entered := make(chan struct{})
	s := serverWith(m, func(o *Options) { o.Appender = notify{m, entered} })
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
		t.Error("the request was answered")
	}
	close(m.hold) // what waits for the appender is the appender's to end
}

func TestDrainAsksClientsToReconnect(t *testing.T) {
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

func TestServeReportsABrokenListener(t *testing.T) {
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
