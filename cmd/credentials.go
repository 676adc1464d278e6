package cmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/certs"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
)

// clientOptions returns what all clients have: the server, the API key and TLS.
func (a *app) clientOptions(ctx context.Context, c config.Client) (client.Options, error) {
	key, err := a.clientKey(ctx, c)
	if err != nil {
		return client.Options{}, err
	}
	encryption, err := certs.ClientFiles{CA: c.CA, Cert: c.Cert, Key: c.Key}.Config()
	if err != nil {
		return client.Options{}, invalidSetting(fileSetting(c, err), err)
	}
	lines, err := c.Headers.Resolve()
	if err != nil {
		return client.Options{}, invalidSetting("client.headers", err)
	}
	header, err := client.ParseHeaders(lines)
	if err != nil {
		return client.Options{}, invalidSetting("client.headers", err)
	}
	return client.Options{
		Header: header,
		URL:    c.URL, Key: key, InsecureHTTP: c.InsecureHTTP, TLS: encryption, UserAgent: "eventagg/" + a.version,
	}, nil
}

// fileSetting returns the setting of the file that an error of [certs.ClientFiles] is
// about.
func fileSetting(c config.Client, err error) string {
	path := ""
	if unreadable, ok := errors.AsType[*fs.PathError](err); ok {
		path = unreadable.Path
	}
	if invalid, ok := errors.AsType[*certs.FileError](err); ok {
		path = invalid.Path
	}
	switch path {
	case c.Key:
		return "client.key"
	case c.Cert:
		return "client.cert"
	default:
		return "client.ca"
	}
}

// clientKey returns the API key. Without one it is the zero Key.
func (a *app) clientKey(ctx context.Context, c config.Client) (auth.Key, error) {
	const key, keyFile = "client.api_key", "client.api_key_file"
	switch {
	case c.APIKeyFile != "":
		text, err := os.ReadFile(c.APIKeyFile)
		if err != nil {
			return auth.Key{}, invalidSetting(keyFile, err)
		}
		return parseClientKey(keyFile, string(text))
	case c.APIKey == stdStream:
		text, err := a.readKey(ctx)
		if err != nil {
			return auth.Key{}, err
		}
		return parseClientKey(key, text)
	case c.APIKey != "":
		return parseClientKey(key, c.APIKey)
	default:
		return auth.Key{}, nil
	}
}

func parseClientKey(setting, text string) (auth.Key, error) {
	key, err := auth.ParseKey(strings.TrimSpace(text))
	if err != nil {
		return auth.Key{}, invalidSetting(setting, err)
	}
	return key, nil
}

// invalidSetting returns the error of a setting whose file or value can't be used.
func invalidSetting(key string, err error) error {
	return &config.Error{Problems: []config.Problem{{Key: key, Message: err.Error()}}}
}
