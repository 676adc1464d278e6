package auth

import (
	"fmt"
	"strings"
)

// Scope is a set of kinds of requests that a client may send.
type Scope uint8

// The scopes. ScopeAdmin includes all others.
const (
	ScopePublish Scope = 1 << iota // send events
	ScopeRead                      // read events and follow them
	ScopeMetrics                   // read totals and metrics
	ScopeAdmin
)

// scopeNames are the names of the scopes in keys files, in the order of their bits.
const scopeNames = "publish read metrics admin"

// ParseScope returns the scope of a name.
func ParseScope(name string) (Scope, error) {
	for i, known := range strings.Fields(scopeNames) {
		if name == known {
			return 1 << i, nil
		}
	}
	return 0, fmt.Errorf("unknown scope %q (use publish, read, metrics or admin)", name)
}

// Has reports whether s includes all of want.
func (s Scope) Has(want Scope) bool { return s&ScopeAdmin != 0 || s&want == want }

// String returns the names of the scopes, separated by spaces as in RFC 6749.
func (s Scope) String() string { return strings.Join(s.Names(), " ") }

// Names returns the names of the scopes.
func (s Scope) Names() []string {
	var names []string
	for i, name := range strings.Fields(scopeNames) {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}
