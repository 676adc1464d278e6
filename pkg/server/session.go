package server

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

const (
	// sessionAge is how long a browser keeps the cookie.
	sessionAge = 12 * time.Hour
	// maxLoginBytes is the maximum size of the body of a login, which has one key.
	maxLoginBytes = 1 << 10
	// sessionScopes are the scopes of a cookie. It can only read.
	sessionScopes = auth.ScopeRead | auth.ScopeMetrics
)

// login handles POST /session: a browser sends a key once and gets a cookie for it. The
// cookie is not the key, and only the requests of [Server.cookieOf] accept it. It is
// valid on every instance that knows the key, and as long as the key.
func (s *Server) login(c echo.Context) error {
	if s.options.Keys == nil {
		return &respond.Error{Status: http.StatusNotFound, Detail: "This server has no API keys, so there is no login."}
	}
	key, err := readLogin(c.Request())
	if err != nil {
		return err
	}
	parsed, err := auth.ParseKey(key)
	if err != nil {
		return s.refuseKey(c)
	}
	id := s.options.Keys().Find(parsed.Hash(), s.options.Now())
	if id == nil {
		return s.refuseKey(c)
	}
	if !id.Has(auth.ScopeRead) && !id.Has(auth.ScopeMetrics) {
		s.authFailed(reasonScope, id.Key)
		return respond.ScopeMissing(auth.ScopeRead)
	}
	session := parsed.Session()
	s.setCookie(c, base64.RawURLEncoding.EncodeToString(session[:]), sessionAge)
	s.options.Logger.Info("dashboard login", slog.String("key", id.Key), slog.String("client", respond.Client(c)))
	c.Response().WriteHeader(http.StatusNoContent)
	return nil
}

// readLogin returns the key in the body of a login. Browsers can't send this media type
// from another origin without the server's permission.
func readLogin(r *http.Request) (string, error) {
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != api.TypeJSON {
		return "", &respond.Error{Status: http.StatusUnsupportedMediaType, Detail: "The body of a login must be application/json."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxLoginBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return "", &respond.Error{Status: http.StatusRequestEntityTooLarge, Detail: "The body of a login has one key and is at most 1 KiB."}
	}
	if err != nil {
		return "", &respond.Error{Status: http.StatusBadRequest, Detail: "The body of the login did not arrive completely."}
	}
	var login api.Login
	if json.Unmarshal(body, &login) != nil {
		return "", &respond.Error{Status: http.StatusUnprocessableEntity, Detail: `The body of a login must be {"key": "…"}.`}
	}
	return login.Key, nil
}

// logout handles DELETE /session: the browser forgets its cookie.
func (s *Server) logout(c echo.Context) error {
	s.setCookie(c, "", -time.Second)
	c.Response().WriteHeader(http.StatusNoContent)
	return nil
}

// session handles GET /session: what the client may read. It needs no key, so that a page
// can find out whether other requests need one.
func (s *Server) session(c echo.Context) error {
	result := api.Session{Scopes: []string{}}
	if s.options.Keys == nil {
		return respond.JSON(c, http.StatusOK, result)
	}
	set := s.options.Keys()
	result.Required = true
	id := s.cookieOf(set, c.Request(), sessionScopes)
	if found, sent := s.keyOf(set, c.Request(), 0); sent {
		id = found
	}
	scopes := set.Public()
	if id != nil {
		result.Key, result.Topics = id.Key, id.Topics()
		for _, scope := range []auth.Scope{auth.ScopeRead, auth.ScopeMetrics} {
			if id.Has(scope) {
				scopes |= scope
			}
		}
	}
	result.Scopes = append(result.Scopes, scopes.Names()...)
	return respond.JSON(c, http.StatusOK, result)
}

// cookieOf returns the identity of a login's cookie, or nil. A cookie counts only for
// requests that read, so a forged request of a browser can never write.
//
// A page of another port or of a subdomain can set a cookie with the same name and a
// longer path, which browsers send first. So the first valid one counts: otherwise such a
// page could log a user out for ever.
func (s *Server) cookieOf(set *auth.Set, r *http.Request, scope auth.Scope) *auth.Identity {
	if scope&sessionScopes == 0 || r.Method != http.MethodGet && r.Method != http.MethodHead || len(r.Header["Cookie"]) == 0 {
		return nil
	}
	for _, cookie := range r.CookiesNamed(s.cookieName(r)) {
		text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
		if err != nil || len(text) != len(auth.Session{}) {
			continue
		}
		if id := set.Find(auth.Session(text).Hash(), s.options.Now()); id != nil {
			return id
		}
	}
	return nil
}

// cookieName is the name of the cookie. Over TLS its prefix lets browsers accept it only
// from this host. Otherwise it has the port, because the servers of a machine share
// their cookies.
func (s *Server) cookieName(r *http.Request) string {
	if s.isSecure(r) {
		return "__Host-eventagg"
	}
	if _, port, err := net.SplitHostPort(r.Host); err == nil && port != "" {
		return "eventagg_" + port
	}
	return "eventagg"
}

// isSecure reports whether the browser uses TLS, perhaps up to a trusted proxy.
func (s *Server) isSecure(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" && s.options.Proxies.Contains(respond.RemoteAddress(r))
}

func (s *Server) setCookie(c echo.Context, value string, age time.Duration) {
	c.SetCookie(&http.Cookie{ //nolint:gosec // Secure depends on the connection
		Name: s.cookieName(c.Request()), Value: value, Path: "/", MaxAge: int(age.Seconds()),
		Secure: s.isSecure(c.Request()), HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}
