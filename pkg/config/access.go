package config

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML is a list in YAML. It is one text, so that configurations can be compared.
type YAML string

// parseYAML parses a list: a text from flags and variables, or a list from the file.
func parseYAML(raw any) (YAML, error) {
	switch raw := raw.(type) {
	case string:
		return YAML(raw), nil
	case []any:
		if len(raw) == 0 {
			return "", nil
		}
	}
	text, err := yaml.Marshal(raw)
	return YAML(text), err
}

// yamlList is the rule of auth.keys. Its entries are checked by the package that uses
// them.
func yamlList(value any) string {
	text, _ := value.(YAML)
	var list []any
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		return "must be a list of keys in YAML"
	}
	return ""
}

// publicScopes is the rule of auth.public.
func publicScopes(value any) string {
	list, _ := value.(List)
	for _, item := range list.Items() {
		if !slices.Contains([]string{"publish", "read", "metrics"}, item) {
			return "must be a list of publish, read and metrics, not " + item
		}
	}
	return ""
}

// accessRules returns the problems of an address that others can reach without a key.
// Every client could then publish, read and use up the server.
func (c Config) accessRules() []Problem {
	switch keys := c.Auth.KeysFile != "" || c.Auth.Keys != ""; {
	case keys && c.Auth.Insecure:
		return []Problem{{Key: "auth.insecure", Message: "must be false if there are keys (auth.public names what needs no key)"}}
	case !keys && c.Auth.Public != "" && publicScopes(c.Auth.Public) == "":
		return []Problem{{Key: "auth.public", Message: "needs keys (auth.keys_file): without keys everything is public"}}
	case hostPort(c.HTTP.Addr) != "": // a problem of its own
		return nil
	case keys || c.Auth.Insecure || c.TLS.ClientCA != "" || isLoopback(c.HTTP.Addr):
		return nil
	}
	return []Problem{{Key: "http.addr", Message: "can be reached from other machines, and there are no API keys. " +
		"Create one with 'eventagg key new --id web --scopes publish', put the entry into a file, and name the file in auth.keys_file. " +
		"Or set --insecure-no-auth if everyone who reaches the port may do everything"}}
}

// isLoopback reports whether only this machine can reach an address to listen on.
func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}
