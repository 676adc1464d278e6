package cmd

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
)

// dial returns a client for a command that sends one request at a time.
func (a *app) dial(address string, onConnection func(error)) (*client.Client, error) {
	return client.New(client.Options{
		URL: address, Concurrency: 1, UserAgent: "eventagg/" + a.version, OnConnection: onConnection,
	})
}

// newReachability returns a function that reports on standard error, once each,
// that the server became unreachable and that it responds again.
func (a *app) newReachability() func(error) {
	lost := false
	return func(err error) {
		switch {
		case err != nil && !lost:
			_, _ = fmt.Fprintf(a.errOut, "eventagg: %v; retrying\n", reasonOnly(err))
		case err == nil && lost:
			_, _ = fmt.Fprintln(a.errOut, "eventagg: the server responds again")
		}
		lost = err != nil
	}
}

// explainUnreachable adds a hint to the error of a server that can't be reached.
func explainUnreachable(address string, err error) error {
	if client.ForeignServer(err) {
		return explainForeign(address, err)
	}
	lost := reasonOnly(err)
	if _, ok := errors.AsType[*client.ConnectionError](lost); !ok {
		return err
	}
	flag := ""
	if parsed, parseErr := url.Parse(address); parseErr == nil && parsed.Host != "127.0.0.1:8000" {
		flag = " --http-addr " + parsed.Host
	}
	return withHint(lost, "Is 'eventagg serve%s' running there? Use --url for another server.", flag)
}

// explainForeign is the error of a response that another program sent.
func explainForeign(address string, err error) error {
	return withHint(fmt.Errorf("%s does not look like an eventagg server: %w", config.Redact(address), err),
		"Use --url for another address (or EVENTAGG_CLIENT_URL, or client.url in the configuration file).")
}

// reasonOnly removes from the error of a lost connection what was requested. The
// reader knows that, and it is not the reason.
func reasonOnly(err error) error {
	if lost, ok := errors.AsType[*client.ConnectionError](err); ok {
		return lost
	}
	return err
}
