package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"syscall"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// descriptorListener keeps the last file descriptors for health checks, metrics and
// the database. A connection that gets one of them is a scarceConn.
type descriptorListener struct {
	net.Listener

	limit int // maximum number of open descriptors; 0: unknown
	log   *slog.Logger
}

// scarceConn is a connection that was accepted when descriptors ran short.
type scarceConn struct{ net.Conn }

// reserved returns how many descriptors are kept of a limit.
func reserved(limit int) int {
	const most, share = 64, 4
	return min(most, limit/share)
}

// Accept implements [net.Listener]. The system gives a connection the lowest free
// number, so the number shows how many descriptors are in use.
func (l *descriptorListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		l.log.Warn("connection not accepted: out of file descriptors", slog.Int("limit", l.limit), slog.Int("in_use", l.limit),
			slog.String("consequence", "new connections wait until others are closed"), slog.Any("error", err))
	}
	if err != nil || l.limit == 0 {
		return conn, err
	}
	number := descriptorOf(conn)
	if number < l.limit-reserved(l.limit) {
		return conn, nil
	}
	l.log.Warn("file descriptors run short", slog.Int("limit", l.limit), slog.Int("in_use", number+1),
		slog.String("consequence", "new connections get 503, except for health checks and metrics"))
	return &scarceConn{conn}, nil
}

// descriptorOf returns the number of a connection's descriptor, or 0 if it has none.
func descriptorOf(conn net.Conn) int {
	system, ok := conn.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := system.SyscallConn()
	if err != nil {
		return 0
	}
	number := 0
	_ = raw.Control(func(fd uintptr) { number = int(fd) }) // fails only if the connection is closed
	return number
}

// scarceKey is the context key of requests on a scarceConn.
type scarceKey struct{}

// markScarce is [http.Server.ConnContext].
func markScarce(ctx context.Context, conn net.Conn) context.Context {
	if tracked := trackedOf(conn); tracked != nil && tracked.scarce {
		return context.WithValue(ctx, scarceKey{}, true)
	}
	return ctx
}

// checkScarce refuses a request on a scarceConn unless it is for health or metrics.
// Such a connection ends with its response.
func (s *Server) checkScarce(c echo.Context) error {
	if c.Request().Context().Value(scarceKey{}) == nil {
		return nil
	}
	c.Response().Header()[respond.HeaderConnection] = s.headers.Close
	switch c.Path() {
	case api.PathHealthz, api.PathLivez, api.PathHealthLive, api.PathReadyz, api.PathHealth, api.PathReady, api.PathHealthReady, api.PathMetrics:
		return nil
	}
	return &respond.Error{
		Status: http.StatusServiceUnavailable, Detail: "The server has too many open connections. Nothing was stored; send it again later.",
		Header: "Retry-After", Value: "5",
	}
}
