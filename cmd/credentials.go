package cmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/certs"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
)

// clientOptions returns what all clients have: the server, the API key and TLS.
func (a *app) clientOptions(c config.Client) (client.Options, error) {
	key, err := a.clientKey(c)
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
	path, ok := errors.AsType[*fs.PathError](err)
	switch {
	case ok && path.Path == c.Key:
		return "client.key"
	case c.Cert == "", c.CA != "" && strings.Contains(err.Error(), c.CA):
		return "client.ca"
	default:
		return "client.cert"
	}
}

// clientKey returns the API key. Without one it is the zero Key.
func (a *app) clientKey(c config.Client) (auth.Key, error) {
	const key, keyFile = "client.api_key", "client.api_key_file"
	switch {
	case c.APIKeyFile != "":
		text, err := os.ReadFile(c.APIKeyFile)
		if err != nil {
			return auth.Key{}, invalidSetting(keyFile, err)
		}
		return parseClientKey(keyFile, string(text))
	case c.APIKey == stdStream:
		text, err := readLine(a.in)
		if err != nil {
			return auth.Key{}, fmt.Errorf("read the API key from standard input: %w", err)
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

// readLine reads a short line, and nothing after it: that may be for another reader.
func readLine(in io.Reader) (string, error) {
	const maxLine = 1 << 10
	var line []byte
	one := make([]byte, 1)
	for len(line) < maxLine {
		n, err := in.Read(one)
		switch {
		case n == 1 && one[0] == '\n':
			return string(line), nil
		case n == 1:
			line = append(line, one[0])
		case errors.Is(err, io.EOF):
			return string(line), nil
		case err != nil:
			return "", err
		}
	}
	return "", errors.New("the line is too long")
}

// invalidSetting returns the error of a setting whose file or value can't be used.
func invalidSetting(key string, err error) error {
	return &config.Error{Problems: []config.Problem{{Key: key, Message: err.Error()}}}
}
