package cmd

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/eventagg/eventagg/pkg/certs"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/watch"
)

// Names of the sources, in logs and metrics.
const (
	sourceTLS  = "tls"
	sourceKeys = "keys"
)

// openFiles loads the files that may change while the server runs, and watches them.
// SIGHUP makes it look at once. Without such files see [app.watchLogLevel].
func (s *service) openFiles(ctx context.Context, c config.Config, log *slog.Logger) error {
	var sources []watch.Source
	if c.TLS.Cert != "" {
		sources = append(sources, s.certificateSource(c.TLS, log))
	}
	if s.keys = newKeyring(c, s.metrics, log); s.keys != nil {
		sources = append(sources, s.keys.source(c.Auth.KeysFile))
	}
	if len(sources) == 0 {
		return nil
	}
	watcher := watch.New(watch.Options{Sources: sources, Logger: log, OnFailure: s.metrics.RecordReloadFailure})
	if err := watcher.Load(); err != nil {
		return explainFiles(c, err)
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() { watcher.Run(running, hangup) })
	if s.keys != nil {
		done.Go(func() { s.keys.reportRefused(running) })
	}
	s.open.push("watched files", func(context.Context) error {
		signal.Stop(hangup)
		stop()
		done.Wait()
		return nil
	})
	return nil
}

// certificateSource returns the files of TLS.
func (s *service) certificateSource(c config.TLS, log *slog.Logger) watch.Source {
	minimum := uint16(tls.VersionTLS12)
	if c.MinVersion == "1.3" {
		minimum = tls.VersionTLS13
	}
	s.certificates = certs.NewServer(certs.ServerOptions{MinVersion: minimum, Logger: log})
	files := []string{c.Cert, c.Key}
	if c.ClientCA != "" {
		files = append(files, c.ClientCA)
	}
	return watch.Source{Name: sourceTLS, Files: files, Apply: s.certificates.Apply}
}

// tlsConfig returns the configuration of TLS, or nil for plain HTTP.
func (s *service) tlsConfig() *tls.Config {
	if s.certificates == nil {
		return nil
	}
	return s.certificates.Config()
}

// explainFiles returns the error of files that can't be used as a problem of their
// setting.
func explainFiles(c config.Config, err error) error {
	key := "tls.cert"
	loading, ok := errors.AsType[*watch.LoadError](err)
	if ok {
		err = loading.Err
	}
	if ok && loading.Name == sourceKeys {
		key = "auth.keys"
		if _, inline := errors.AsType[*inlineError](err); !inline && c.Auth.KeysFile != "" {
			key = "auth.keys_file"
		}
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		switch path.Path {
		case c.TLS.Key:
			key = "tls.key"
		case c.TLS.ClientCA:
			key = "tls.client_ca"
		}
	}
	return &config.Error{Problems: []config.Problem{{Key: key, Message: err.Error()}}}
}
