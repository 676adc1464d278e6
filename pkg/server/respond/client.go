package respond

import (
	"net"

	"github.com/labstack/echo/v4"
)

// Client names the sender of a request: shares and limits are counted by this name.
func Client(c echo.Context) string {
	host, _, err := net.SplitHostPort(c.Request().RemoteAddr)
	if err != nil {
		return "address unknown"
	}
	return "address " + host
}
