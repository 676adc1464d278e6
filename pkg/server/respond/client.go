package respond

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/auth"
)

// identityKey is the context key of the identity of a connection.
type identityKey struct{}

// keyIdentity is the key of the identity of a request.
const keyIdentity = "identity"

// WithIdentity returns the context of a connection, with the identity of its client. All
// requests of the connection share it, so none of them allocates memory for it.
func WithIdentity(ctx context.Context, id *auth.Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// SetIdentity sets the identity of a request that differs from that of its connection.
func SetIdentity(c echo.Context, id *auth.Identity) { c.Set(keyIdentity, id) }

// HasIdentity reports whether the connection of a request has an identity.
func HasIdentity(c echo.Context) bool { return c.Request().Context().Value(identityKey{}) != nil }

// Identity returns the identity of the client of a request. It is never nil.
func Identity(c echo.Context) *auth.Identity {
	if id, ok := c.Get(keyIdentity).(*auth.Identity); ok {
		return id
	}
	if id, ok := c.Request().Context().Value(identityKey{}).(*auth.Identity); ok {
		return id
	}
	return auth.NewAddress(RemoteAddress(c.Request()), auth.Limits{})
}

// RemoteAddress returns the address of the other end of the connection of a request.
func RemoteAddress(r *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return address.Addr()
}

// Client returns the name of a request's client, by which shares and limits are counted.
func Client(c echo.Context) string { return Identity(c).Client() }
