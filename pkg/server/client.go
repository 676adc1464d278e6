package server

import (
	"context"
	"net"
	"net/netip"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// headerForwardedFor has the addresses of the client and of proxies. Each proxy adds the
// other end of its connection at the end.
const headerForwardedFor = "X-Forwarded-For"

// connContext is [http.Server.ConnContext]: the requests of a connection share the
// identity of its other end.
func (s *Server) connContext(ctx context.Context, conn net.Conn) context.Context {
	ctx = respond.WithIdentity(ctx, auth.NewAddress(addressOf(conn), s.options.Limits))
	return markScarce(withKeyCache(ctx), conn)
}

// addressOf returns the address of the other end of a connection.
func addressOf(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}

// identify sets the client of a request that came through a proxy, or whose connection
// is not one of [Server.Serve].
func (s *Server) identify(c echo.Context) {
	known := respond.HasIdentity(c)
	if known && len(s.options.Proxies) == 0 {
		return
	}
	connection := respond.RemoteAddress(c.Request())
	client := s.options.Proxies.ClientAddress(connection, c.Request().Header[headerForwardedFor])
	if !known || client != connection {
		respond.SetIdentity(c, auth.NewAddress(client, s.options.Limits))
	}
}

// limited calls Options.OnLimited.
func (s *Server) limited(id *auth.Identity, slowed bool) {
	if s.options.OnLimited != nil {
		s.options.OnLimited(id.Key, slowed)
	}
}
