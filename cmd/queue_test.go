package cmd

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/queue"
)

// A Redis that accepts connections and never responds must not keep a command from ending.
func TestWithQueue_EndsWithTheContext(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 1)) // the client now waits for a response
		cancel()
		<-t.Context().Done()
	}()
	broker := config.Default().Broker
	broker.URL = "redis://" + listener.Addr().String()
	if err := withQueue(ctx, broker, func(q queue.Queue) error { _, err := q.Size(ctx); return err }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
