package chaostest

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy is between senders and an instance, and breaks connections.
type proxy struct {
	listener net.Listener
	target   string
	cutting  atomic.Int64 // one of so many pieces breaks its connection; 0 for none
	delay    atomic.Int64 // delay of each response in nanoseconds
	open     sync.WaitGroup
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target}
	p.open.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.open.Wait()
	})
	return p
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		p.open.Go(func() { p.pipe(client) })
	}
}

// pipe carries one connection until either side ends it.
func (p *proxy) pipe(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var both sync.WaitGroup
	end := func() { _, _ = client.Close(), server.Close() }
	both.Go(func() { defer end(); p.carry(server, client, false) })
	both.Go(func() { defer end(); p.carry(client, server, true) })
	both.Wait()
}

// carry copies small pieces, so that connections break within requests and responses.
func (p *proxy) carry(to io.Writer, from io.Reader, responses bool) {
	piece := make([]byte, 512)
	for {
		n, err := from.Read(piece)
		if err != nil {
			return
		}
		if responses {
			time.Sleep(time.Duration(p.delay.Load()))
		}
		if one := p.cutting.Load(); one > 0 && rand.Int64N(one) == 0 {
			_, _ = to.Write(piece[:n/2])
			return
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}
