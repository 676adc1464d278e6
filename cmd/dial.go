package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/store"
)

// dial returns a client for a command that sends one request at a time.
func (a *app) dial(ctx context.Context, c config.Client, onConnection func(error)) (*client.Client, error) {
	options, err := a.clientOptions(ctx, c)
	if err != nil {
		return nil, err
	}
	options.Concurrency, options.OnConnection, options.OnDropped = 1, onConnection, a.reportDropped
	return newClient(options)
}

// newClient returns a client. If that fails, the command line is wrong.
func newClient(options client.Options) (*client.Client, error) {
	c, err := client.New(options)
	if errors.Is(err, client.ErrKeyInPlainText) {
		return nil, &usageError{err: err, hint: "Use https:// in client.url, or --insecure-http if everyone on the network may read the key."}
	}
	return c, err
}

// reportDropped reports on standard error that a reader was too slow, or away for too
// long.
func (a *app) reportDropped() {
	_, _ = fmt.Fprintln(a.errOut, "eventagg: retention has dropped events that were not read yet; continuing with the first one after them")
}

// newReachability returns a function that reports on standard error, once each,
// that the server became unreachable and that it responds again.
func (a *app) newReachability() func(error) {
	lost := false
	return func(err error) {
		switch {
		case err != nil && !lost:
			_, _ = fmt.Fprintf(a.errOut, "eventagg: %s; retrying\n", api.Printable(reasonOnly(err).Error()))
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
		return explainDenied(err)
	}
	if wrongCertificate(lost) {
		return lost
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

// wrongCertificate reports whether a certificate prevents the connection. The error says
// what to do, and a retry does not help.
func wrongCertificate(err error) bool {
	_, ok := errors.AsType[*client.ConnectionError](err)
	return ok && !store.Temporary(err)
}

// explainDenied adds a hint to the error of a server that does not accept the key.
func explainDenied(err error) error {
	refused, ok := errors.AsType[*client.ResponseError](err)
	switch {
	case ok && refused.Status == http.StatusUnauthorized:
		return withHint(err, "Set the API key: --api-key-file FILE, EVENTAGG_CLIENT_API_KEY, or client.api_key_file in the configuration file.\n"+
			"If it is set, the server does not know it, or it has expired: ask the operator ('eventagg key new' creates keys).")
	case ok && refused.Status == http.StatusForbidden:
		return withHint(err, "The API key does not allow this: ask the operator for one with the scope and the topics that you need.")
	default:
		return err
	}
}

// forbidden reports whether the server knows the key, and the key does not allow the request.
func forbidden(err error) bool {
	refused, ok := errors.AsType[*client.ResponseError](err)
	return ok && refused.Status == http.StatusForbidden
}

// reasonOnly removes from the error of a lost connection what was requested. The
// reader knows that, and it is not the reason.
func reasonOnly(err error) error {
	if lost, ok := errors.AsType[*client.ConnectionError](err); ok {
		return lost
	}
	return err
}
