//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/store"
)

// measurement is one timed run of one case.
type measurement struct {
	Rate      float64       // events a second
	P50, P99  time.Duration // of the answers
	ServerCPU time.Duration // processor time of the server for each event
	LoadCPU   time.Duration // processor time of the generator for each event
}

// drive loads a server for a while and measures.
func drive(ctx context.Context, p *process, target store.Appender, connections int, duration time.Duration) (measurement, error) {
	generator, err := loadgen.NewGenerator(loadgen.GeneratorOptions{
		DupRate: 0.3, Seed: uint64(time.Now().UnixNano()), Start: time.Now(),
	})
	if err != nil {
		return measurement{}, fmt.Errorf("make events: %w", err)
	}
	runner := loadgen.New(target, generator.Source(), loadgen.Options{Concurrency: connections, Duration: duration})
	serverBefore, err := p.cpu()
	if err != nil {
		return measurement{}, err
	}
	loadBefore := ownCPU()
	report, err := runner.Run(ctx)
	if err != nil {
		return measurement{}, fmt.Errorf("load: %w", err)
	}
	if report.Failed > 0 || report.Invalid > 0 {
		return measurement{}, fmt.Errorf("%d events failed, %d were invalid: %s", report.Failed, report.Invalid, report.FirstFailure)
	}
	serverAfter, err := p.cpu()
	if err != nil {
		return measurement{}, err
	}
	events := max(report.Answered(), 1)
	return measurement{
		Rate: report.Rate, P50: report.Latency.P50, P99: report.Latency.P99,
		ServerCPU: (serverAfter - serverBefore) / time.Duration(events),
		LoadCPU:   (ownCPU() - loadBefore) / time.Duration(events),
	}, nil
}

// ownCPU is the processor time of this process.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// publisher publishes to a server, an event a request.
func publisher(url string, connections int) (*client.Client, error) {
	c, err := client.New(client.Options{URL: url, Concurrency: connections})
	if err != nil {
		return nil, fmt.Errorf("make the client: %w", err)
	}
	return c, nil
}

// health answers each append by one GET /healthz, over connections like the
// publisher's: what HTTP alone costs, at both ends.
type health struct {
	address string
	idle    chan *healthConn
}

type healthConn struct {
	net.Conn
	reader   *bufio.Reader
	response fasthttp.Response
}

func newHealth(url string, connections int) *health {
	return &health{address: strings.TrimPrefix(url, "http://"), idle: make(chan *healthConn, connections)}
}

// Append implements [store.Appender] and stores nothing.
func (h *health) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	var conn *healthConn
	select {
	case conn = <-h.idle:
	default:
		var dialer net.Dialer
		dialed, err := dialer.DialContext(ctx, "tcp", h.address)
		if err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
		conn = &healthConn{Conn: dialed, reader: bufio.NewReader(dialed)}
	}
	if _, err := conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")); err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	if err := conn.response.Read(conn.reader); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if status := conn.response.StatusCode(); status != http.StatusOK {
		return nil, fmt.Errorf("GET /healthz: %d", status)
	}
	h.idle <- conn
	outcomes := make([]event.Outcome, len(events))
	for i := range outcomes {
		outcomes[i] = event.Stored
	}
	return outcomes, nil
}

// close ends the connections.
func (h *health) close() {
	close(h.idle)
	for conn := range h.idle {
		_ = conn.Close()
	}
}
