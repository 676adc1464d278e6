package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
)

// testApp returns an app and what it writes.
func testApp() (a *app, out, errOut *bytes.Buffer) {
	out, errOut = new(bytes.Buffer), new(bytes.Buffer)
	return &app{in: bytes.NewReader(nil), out: out, errOut: errOut, version: "1.2.3"}, out, errOut
}

// parse returns the options that a command gets from arguments.
func parse[O any](t *testing.T, newCmd func(*app, func(context.Context, O) error) *cobra.Command, args ...string) (got O, err error) {
	t.Helper()
	a, _, _ := testApp()
	cmd := newCmd(a, func(_ context.Context, opts O) error {
		got = opts
		return nil
	})
	cmd.SetArgs(args)
	cmd.SetFlagErrorFunc(flagError)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err = cmd.ExecuteContext(t.Context())
	return got, err
}

func TestFinish_ReturnsExitCodeAndWritesMessage(t *testing.T) {
	t.Parallel()
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(&signalError{number: 2})
	terminated, cancel := context.WithCancelCause(t.Context())
	cancel(&signalError{number: 15})
	cancelled := fmt.Errorf("read from the server: %w", context.Canceled)
	tests := map[string]struct {
		ctx  context.Context
		err  error
		code int
		want string
	}{
		"no error":                         {t.Context(), nil, 0, ""},
		"a failure":                        {t.Context(), io.ErrUnexpectedEOF, 1, "eventagg: unexpected EOF\n"},
		"a wrong command line":             {t.Context(), &usageError{err: errors.New("no x")}, 2, "eventagg: no x\n"},
		"a wrong configuration":            {t.Context(), &config.Error{Problems: []config.Problem{{Key: "a.b", Message: "must be even"}}}, 2, "eventagg: invalid configuration: a.b: must be even\n"},
		"a failed check":                   {t.Context(), fmt.Errorf("publish: %w", &checkError{err: errors.New("2 keys are missing")}), 3, "eventagg: publish: 2 keys are missing\n"},
		"a failure with a hint":            {t.Context(), fmt.Errorf("opening: %w", withHint(io.EOF, "Try %s.", "again")), 1, "eventagg: opening: EOF\nTry again.\n"},
		"Ctrl-C is silent":                 {interrupted, cancelled, 130, ""},
		"Ctrl-C that the command handled":  {interrupted, nil, 130, ""},
		"a termination":                    {terminated, cancelled, 143, ""},
		"a failure before Ctrl-C":          {interrupted, io.EOF, 1, "eventagg: EOF\n"},
		"serve stopped by a signal":        {terminated, fmt.Errorf("serve: %w", errServed), 0, ""},
		"a cancellation without a signal":  {t.Context(), cancelled, 1, "eventagg: read from the server: context canceled\n"},
		"a failure and a check: the check": {t.Context(), errors.Join(io.EOF, &checkError{err: errors.New("p99")}), 3, "eventagg: EOF\np99\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, out, errOut := testApp()
			if code := a.finish(test.ctx, test.err); code != test.code {
				t.Errorf("exit code %d, expected %d", code, test.code)
			}
			if errOut.String() != test.want || out.Len() > 0 {
				t.Errorf("wrote %q and %q, expected %q", out, errOut, test.want)
			}
		})
	}
}

func TestServe_ParsesArguments(t *testing.T) {
	changed := func(change func(*config.Config)) config.Config {
		c := config.Default()
		change(&c)
		return c
	}
	tests := map[string]struct {
		args []string
		want serveOptions
	}{
		"nothing":     {nil, serveOptions{config: config.Default()}},
		"not migrate": {[]string{"--migrate=false"}, serveOptions{config: changed(func(c *config.Config) { c.Database.Migrate = false })}},
		"settings": {
			[]string{"--http-addr", ":0", "--insecure-no-auth", "--log-format=json"},
			serveOptions{config: changed(func(c *config.Config) { c.HTTP.Addr, c.Auth.Insecure, c.Log.Format = ":0", true, "json" })},
		},
	}
	t.Chdir(t.TempDir())
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := parse(t, (*app).newServeCmd, test.args...); err != nil || got.config != test.want.config {
				t.Errorf("error %v, options\n%+v, expected\n%+v", err, got, test.want)
			}
		})
	}
}

func TestMigrate_ParsesArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	got, err := parse(t, (*app).newMigrateCmd, "--database-url=sqlite:x.db", "-o", "json")
	if err != nil || got.config.Database.URL != "sqlite:x.db" || !got.format.json() {
		t.Errorf("error %v, options %+v", err, got)
	}
}

func TestDemo_ParsesArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	got, err := parse(t, (*app).newDemoCmd, "--count=7", "--keep", "-o", "json")
	if err != nil || got.count != 7 || !got.keep || !got.format.json() || got.config != config.Default() {
		t.Errorf("error %v, options %+v", err, got)
	}
}

func TestRootCmd_HasCommandsOfContract(t *testing.T) {
	t.Parallel()
	a, _, _ := testApp()
	var got []string
	for _, command := range a.newRootCmd().Commands() {
		if !command.IsAvailableCommand() {
			continue // a guide, or hidden
		}
		got = append(got, command.Name())
		if command.Name() == "completion" {
			continue // cobra has this one
		}
		if command.Short == "" || command.Example == "" || command.Args == nil {
			t.Errorf("%s lacks a line of help, examples or a check of its arguments", command.Name())
		}
	}
	want := []string{
		"backup", "completion", "deadletter", "demo", "doctor", "duplicates", "export", "key", "migrate", "publish", "queue", "restore", "retention", "serve", "stats", "tail", "verify", "version",
	}
	if !slices.Equal(got, want) {
		t.Errorf("commands %v, expected %v", got, want)
	}
}
