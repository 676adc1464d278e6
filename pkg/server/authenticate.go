package server

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

const headerAuthorization = "Authorization"

// Reasons of Options.OnAuthFailure.
const (
	reasonMissing = "missing"
	reasonInvalid = "invalid"
	reasonLimited = "limited"
	reasonScope   = "scope"
	reasonTopic   = "topic"
)

// scopeOf returns the scope that a route needs. Routes without data need none: health
// checks, documentation and the dashboard's page.
func scopeOf(route string) auth.Scope {
	switch route {
	case api.PathPublish:
		return auth.ScopePublish
	case api.PathEvents, api.PathStream, api.PathDuplicates, routeEvent:
		return auth.ScopeRead
	case api.PathStats, api.PathTopicStats, api.PathSeries, api.PathMetrics:
		return auth.ScopeMetrics
	default:
		return 0
	}
}

// mayRead reports whether a client may read events.
func (s *Server) mayRead(id *auth.Identity) bool {
	if s.options.Keys == nil {
		return true
	}
	return id.Has(auth.ScopeRead) || s.options.Keys().Public().Has(auth.ScopeRead)
}

// authenticate finds the key of a request, and returns an error if the key does not allow
// the request. It runs before the body is read. A request without a key, if that is
// allowed, must have a known name in Host; see [crossOrigin].
func (s *Server) authenticate(c echo.Context) error {
	if s.options.Keys == nil {
		return s.origins.checkHost(c.Request())
	}
	scope := scopeOf(c.Path())
	if scope == 0 || c.Request().Method == http.MethodOptions {
		return nil
	}
	set := s.options.Keys()
	id, sent := s.keyOf(set, c.Request(), scope)
	switch {
	case id == nil && sent:
		return s.refuseKey(c)
	case id == nil && set.Public().Has(scope):
		return s.origins.checkHost(c.Request())
	case id == nil:
		s.authFailed(reasonMissing, "")
		return respond.KeyMissing()
	case !id.Has(scope) && set.Public().Has(scope):
		return nil // as without a key: a key must not take away what everyone may do
	case !id.Has(scope):
		s.authFailed(reasonScope, id.Key)
		return respond.ScopeMissing(scope)
	}
	respond.SetIdentity(c, id)
	return nil
}

// keyOf returns the identity of the key that a request has: in Authorization, in a
// client certificate, or in the cookie of a login. sent is set if the request has one.
// An invalid cookie counts as none, because browsers send cookies on their own.
func (s *Server) keyOf(set *auth.Set, r *http.Request, scope auth.Scope) (id *auth.Identity, sent bool) {
	if values := r.Header[headerAuthorization]; len(values) > 0 {
		hash, err := hashOf(r.Context(), values)
		if err != nil {
			return nil, true
		}
		return set.Find(hash, s.options.Now()), true
	}
	if id := s.certificateOf(set, r); id != nil {
		return id, true
	}
	if id := s.cookieOf(set, r, scope); id != nil {
		return id, true
	}
	return nil, false
}

// bearerToken returns the key in an Authorization header (RFC 6750, section 2.1), or ""
// if it has another form. More than one header is ambiguous.
func bearerToken(values []string) string {
	const scheme = "Bearer "
	if len(values) != 1 || len(values[0]) < len(scheme) || !strings.EqualFold(values[0][:len(scheme)], scheme) {
		return ""
	}
	return strings.Trim(values[0][len(scheme):], " ")
}

// certificateOf returns the identity of a verified client certificate: of the first of
// its URIs, DNS names and its common name that an entry of the keys file has.
func (s *Server) certificateOf(set *auth.Set, r *http.Request) *auth.Identity {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	certificate, now := r.TLS.PeerCertificates[0], s.options.Now()
	for _, uri := range certificate.URIs {
		if id := set.FindCertificate(uri.String(), now); id != nil {
			return id
		}
	}
	for _, name := range slices.Concat(certificate.DNSNames, []string{certificate.Subject.CommonName}) {
		if id := set.FindCertificate(name, now); id != nil {
			return id
		}
	}
	return nil
}

// refuseKey is the response to an invalid key.
func (s *Server) refuseKey(c echo.Context) error {
	if wait := s.failures.Add(respond.Identity(c).Address); wait > 0 {
		s.authFailed(reasonLimited, "")
		return respond.KeyRetry(wait)
	}
	s.authFailed(reasonInvalid, "")
	return respond.KeyInvalid()
}

// reportTopic calls Options.OnAuthFailure if a handler refused a request because of its
// topic.
func (s *Server) reportTopic(c echo.Context, err error) {
	if refused, ok := errors.AsType[*respond.Error](err); ok && refused.Type == api.ProblemForbidden {
		s.authFailed(reasonTopic, respond.Identity(c).Key)
	}
}

// authFailed calls Options.OnAuthFailure.
func (s *Server) authFailed(reason, key string) {
	if s.options.OnAuthFailure != nil {
		s.options.OnAuthFailure(reason, key)
	}
}

// current returns who the sender of a stream is now, with the limits of the keys that are
// in use, or nil if the sender may not continue.
func (s *Server) current(id *auth.Identity) *auth.Identity {
	if s.options.Keys == nil || id.Key == "" {
		return id
	}
	return s.options.Keys().Current(id, s.options.Now())
}
