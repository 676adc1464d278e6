package respond

import (
	"net/http"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
)

// headerAuthenticate says how to authenticate. The errors are those of RFC 6750.
const (
	headerAuthenticate = "WWW-Authenticate"
	challenge          = `Bearer realm="eventagg"`
)

// KeyMissing is the response to a request without a key.
func KeyMissing() *Error {
	return &Error{
		Status: http.StatusUnauthorized, Type: api.ProblemUnauthenticated, Title: "Unauthenticated",
		Detail: "This request needs an API key: send the header Authorization: Bearer KEY. Nothing was done.",
		Header: headerAuthenticate, Value: challenge,
	}
}

// KeyInvalid is the response to a request with a key that is malformed, unknown or
// expired. It does not say which.
func KeyInvalid() *Error {
	return &Error{
		Status: http.StatusUnauthorized, Type: api.ProblemUnauthenticated, Title: "Unauthenticated",
		Detail: "The API key is invalid or has expired. Nothing was done.",
		Header: headerAuthenticate, Value: challenge + `, error="invalid_token"`,
	}
}

// KeyRetry is the response to an address that sent too many invalid keys.
func KeyRetry(wait time.Duration) *Error {
	return &Error{
		Status: http.StatusTooManyRequests, Type: api.ProblemUnauthenticated, Title: "Too many invalid keys",
		Detail: "This address sent too many invalid API keys. Nothing was done.",
		Header: headerRetryAfter, Value: wholeSeconds(wait),
	}
}

// ScopeMissing is the response to a key without the scope of the request.
func ScopeMissing(scope auth.Scope) *Error {
	return &Error{
		Status: http.StatusForbidden, Type: api.ProblemForbidden, Title: "Forbidden",
		Detail: "The API key may not do this: it does not have the scope " + scope.String() + ". Nothing was done.",
		Header: headerAuthenticate, Value: challenge + `, error="insufficient_scope", scope="` + scope.String() + `"`,
	}
}

// TopicForbidden is the response to a key that may not use the topic of the request.
// detail is a whole sentence.
func TopicForbidden(detail string) *Error {
	return &Error{
		Status: http.StatusForbidden, Type: api.ProblemForbidden, Title: "Forbidden", Detail: detail,
		Header: headerAuthenticate, Value: challenge + `, error="insufficient_scope"`,
	}
}
