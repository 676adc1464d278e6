package server

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// grantWebHook responds to the handshake of a CloudEvents web hook (HTTP 1.1 Web Hooks for
// Event Delivery 1.0, section 4) before a sender delivers: OPTIONS with its DNS name. A
// name of an allowed origin gets the permission. Others get a response without it, which
// means no.
func (o crossOrigin) grantWebHook(c echo.Context) {
	r := c.Request()
	requested := r.Header["Webhook-Request-Origin"]
	if r.Method != http.MethodOptions || r.URL.Path != api.PathPublish || len(requested) != 1 {
		return
	}
	name := requested[0]
	known := slices.ContainsFunc(o.origins, func(origin string) bool {
		allowed, err := url.Parse(origin)
		return origin == name || err == nil && strings.EqualFold(allowed.Host, name)
	})
	if !known {
		return
	}
	header := c.Response().Header()
	header.Set("Webhook-Allowed-Origin", name)
	if r.Header["Webhook-Request-Rate"] == nil {
		return
	}
	const minute = 60 // the rate is requests a minute
	rate := "*"
	if limit := respond.Identity(c).Limits.Events; limit > 0 {
		rate = strconv.FormatInt(limit*minute, 10)
	}
	header.Set("Webhook-Allowed-Rate", rate)
}
