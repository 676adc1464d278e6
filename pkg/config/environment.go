package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

// serviceLink returns a pattern for the variables that Kubernetes sets to the addresses
// of a Service. A Service named eventagg-http sets EVENTAGG_HTTP_PORT=tcp://… and more.
// See https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
func serviceLink() *regexp.Regexp {
	return regexp.MustCompile(`^\w+_(SERVICE_HOST=|SERVICE_PORT(_[A-Z0-9_]+)?=|PORT(_\d+_(TCP|UDP|SCTP))?=\w+://|PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)=)`)
}

// unknownVariables returns a problem for every environment variable that begins like
// those of a section and belongs to no setting. An empty variable counts as unset.
func unknownVariables(settings []setting) []Problem {
	known, sections := map[string]bool{}, map[string]bool{}
	for _, setting := range settings {
		section, _, _ := strings.Cut(setting.key, ".")
		sections[strings.ToUpper(section)] = true
		known[setting.variable()] = true
	}
	link := serviceLink()
	var problems []Problem
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		rest, ours := strings.CutPrefix(name, "EVENTAGG_")
		section, _, _ := strings.Cut(rest, "_")
		if !ours || value == "" || known[name] || !sections[section] || link.MatchString(variable) {
			continue
		}
		problems = append(problems, Problem{Key: name, Message: "unknown environment variable ('eventagg help configuration' lists all)"})
	}
	slices.SortFunc(problems, func(a, b Problem) int { return strings.Compare(a.Key, b.Key) })
	return problems
}
