package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/ingest"
)

func TestNewDatabase_ParsesURL(t *testing.T) {
	tests := map[string]struct{ url, path, connection, shown string }{
		"nothing":               {"", "eventagg.db", "", "eventagg.db (SQLite)"},
		"a relative file":       {"sqlite:data/e.db", "data/e.db", "", "data/e.db (SQLite)"},
		"an absolute file":      {"sqlite:/e.db", "/e.db", "", "/e.db (SQLite)"},
		"three slashes":         {"sqlite:///e.db", "/e.db", "", "/e.db (SQLite)"},
		"PostgreSQL":            {"postgres://u:p@h/d", "", "postgres://u:p@h/d?connect_timeout=10", "postgres://u:xxxxx@h/d (PostgreSQL)"},
		"a timeout of its own":  {"postgres://h/d?connect_timeout=3", "", "postgres://h/d?connect_timeout=3", "postgres://h/d?connect_timeout=3 (PostgreSQL)"},
		"parameters of its own": {"postgresql://h/d?sslmode=disable", "", "postgresql://h/d?connect_timeout=10&sslmode=disable", "postgresql://h/d?sslmode=disable (PostgreSQL)"},
	}
	t.Parallel()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(config.Database{URL: test.url})
			if d.path != test.path || d.connection() != test.connection || d.String() != test.shown {
				t.Errorf("path %q, connection %q, shown %q; expected %+v", d.path, d.connection(), d, test)
			}
		})
	}
}

func TestLocalAddress_CanBeConnectedTo(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ addr, want string }{
		"one interface":       {"127.0.0.1:8000", "127.0.0.1:8000"},
		"all interfaces":      {"0.0.0.0:80", "localhost:80"},
		"all IPv6 interfaces": {"[::]:80", "localhost:80"},
		"IPv6":                {"[::1]:80", "[::1]:80"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, err := net.ResolveTCPAddr("tcp", test.addr)
			if err != nil {
				t.Fatal(err)
			}
			if got := localAddress(addr.String()); got != test.want {
				t.Errorf("got %s, expected %s", got, test.want)
			}
		})
	}
}

func TestStartMessage_HasCommandsForThisServer(t *testing.T) {
	t.Parallel()
	usual := startInfo{version: "1", url: "http://127.0.0.1:8000", storage: "x.db", clientURL: "http://127.0.0.1:8000/", accepts: true}
	for name, row := range map[string]struct {
		change func(*startInfo)
		has    []string
		lacks  []string
	}{
		"the usual address needs no --url": {
			change: func(*startInfo) {}, has: []string{"eventagg tail -f\n"}, lacks: []string{"--url", "KEY", "--api-key-file"},
		},
		"another address needs --url": {
			change: func(info *startInfo) { info.url = "http://127.0.0.1:9" },
			has: []string{
				"curl http://127.0.0.1:9/publish", "eventagg publish --url http://127.0.0.1:9 ",
				"eventagg stats --url http://127.0.0.1:9\n", "eventagg tail --url http://127.0.0.1:9 -f\n",
			},
		},
		"a worker accepts no events": {
			change: func(info *startInfo) { info.accepts = false }, has: []string{"\n  eventagg stats\n"}, lacks: []string{"publish"},
		},
		"with keys every command needs one": {
			change: func(info *startInfo) { info.keys = true },
			has: []string{
				"/publish -H 'Authorization: Bearer KEY' -H ", "eventagg publish --api-key-file FILE --count",
				"eventagg stats --api-key-file FILE\n", "eventagg tail --api-key-file FILE -f\n",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := usual
			row.change(&info)
			message := startMessage(info)
			for _, text := range row.has {
				if !strings.Contains(message, text) {
					t.Errorf("%q is missing:\n%s", text, message)
				}
			}
			for _, text := range row.lacks {
				if strings.Contains(message, text) {
					t.Errorf("%q is there:\n%s", text, message)
				}
			}
		})
	}
}

func TestListen_AddsHint(t *testing.T) {
	t.Parallel()
	first, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeListener(first); err != nil {
			t.Error(err)
		}
		if err := closeListener(first); err != nil {
			t.Errorf("closing twice: %v", err)
		}
	})
	tests := map[string]struct{ addr, message, hint string }{
		"an address in use":             {first.Addr().String(), "eventagg: address " + first.Addr().String() + " is in use\n", "--http-addr"},
		"an address of another machine": {"192.0.2.1:1", "eventagg: listen: listen tcp 192.0.2.1:1", "http.addr"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _, errOut := testApp()
			_, err := listen(t.Context(), test.addr)
			if code := a.finish(context.Background(), err); code != exitFailed {
				t.Errorf("exit code %d", code)
			}
			if wrote := errOut.String(); !strings.HasPrefix(wrote, test.message) || !strings.Contains(wrote, test.hint) {
				t.Errorf("wrote %q, expected %q and %q", wrote, test.message, test.hint)
			}
		})
	}
}

func TestServe_StopsWhileItOpens(t *testing.T) {
	t.Parallel()
	taken, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	tests := map[string]struct {
		addr string
		want int
	}{
		"a clean end without other errors": {"127.0.0.1:0", exitDone},
		"an earlier error is reported":     {taken.Addr().String(), exitFailed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _, errOut := testApp()
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(&signalError{number: 15})
			opts := serveOptions{config: config.Default()}
			opts.config.HTTP.Addr, opts.config.Database.URL = test.addr, "sqlite:"+filepath.Join(t.TempDir(), "e.db")
			if code := a.finish(ctx, a.runServe(ctx, opts)); code != test.want || (errOut.Len() == 0) != (code == exitDone) {
				t.Errorf("exit code %d, wrote %q", code, errOut)
			}
		})
	}
}

func TestExplainShutdown_AddsHintToTimeout(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  error
		want bool
	}{
		"requests took too long": {fmt.Errorf("finish requests: %w", context.DeadlineExceeded), true},
		"another error":          {net.ErrClosed, false},
		"no error":               {nil, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := explainShutdown(test.err, time.Second)
			hinted, _ := errors.AsType[*hintError](err)
			if (hinted != nil) != test.want || !errors.Is(err, test.err) {
				t.Errorf("got %v with hint %v", err, hinted)
			}
		})
	}
}

func TestNewLogger_FollowsConfiguration(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		log  config.Log
		want string
	}{
		"text from info":  {config.Log{Level: "info", Format: "text"}, "level=INFO msg=b\nlevel=ERROR msg=c\n"},
		"JSON from error": {config.Log{Level: "error", Format: "json"}, `{"level":"ERROR","msg":"c"}` + "\n"},
		"everything":      {config.Log{Level: "debug", Format: "text"}, "level=DEBUG msg=a\nlevel=INFO msg=b\nlevel=ERROR msg=c\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			log, flush := newLogger(&got, test.log)
			defer flush()
			log.Debug("a")
			log.Info("b")
			log.Log(t.Context(), slog.LevelError, "c")
			if text := withoutTimes(got.String()); text != test.want {
				t.Errorf("logged\n%s\nexpected\n%s", text, test.want)
			}
		})
	}
}

// withoutTimes removes the time, the first member, from lines of a log.
func withoutTimes(log string) string {
	var kept strings.Builder
	for line := range strings.Lines(log) {
		if start, rest, _ := strings.Cut(line, ","); strings.HasPrefix(start, `{"time"`) {
			kept.WriteString("{" + rest)
		} else {
			_, rest, _ := strings.Cut(line, " ")
			kept.WriteString(rest)
		}
	}
	return kept.String()
}

func TestResponseTimeout_CoversAllSteps(t *testing.T) {
	t.Parallel()
	c := config.Default()
	if minimum := c.HTTP.ReadTimeout + ingest.DefaultMaxWait + c.Ingest.FlushTimeout; responseTimeout(c) <= minimum {
		t.Errorf("a response has %v, and reading, waiting and storing may take %v", responseTimeout(c), minimum)
	}
}
