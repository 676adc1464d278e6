package cmd_test

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/eventagg/eventagg/cmd"
	"github.com/eventagg/eventagg/pkg/testdb"
)

func TestMain(m *testing.M) {
	testscript.Main(binary{m}, map[string]func(){
		"eventagg": func() { os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, "1.2.3-test")) },
	})
}

// binary runs the tests with their database servers, and looks for leaked goroutines.
type binary struct{ *testing.M }

// Run runs the tests.
func (b binary) Run() int { return testdb.Main(b.M) }

// TestScripts runs every script in testdata/script. In addition to the commands of
// testscript they have these:
//
//	exits CODE PROGRAM ARGS…  runs a program, which must end with the exit code
//	start TEXT ARGS…          starts eventagg ARGS, waits for a line on standard
//	                          error with the text, and sets $URL and $ADDR to
//	                          the address in it
//	serve ARGS…               starts eventagg serve on a free port
//	lines COUNT ARGS…         runs eventagg ARGS, and interrupts it after so many
//	                          lines of output
//	hang                      starts a request to $ADDR that never ends
//	sendsignal NAME TEXT      sends a signal to the program and waits for a line
//	                          with the text
//	signal NAME CODE          sends a signal (INT, TERM, KILL, HUP) to the program, which
//	                          must end with the exit code; serve.log has its output
//	certificates              writes certificates of a new authority
//	postgres                  creates an empty database; sets $POSTGRES to its URL
//	asrole NAME               runs the SQL on standard output in that database, and
//	                          sets $POSTGRES to the URL for the role
//	disk                      creates a folder on a disk; sets $DISK to its path
//	redis [weak]              starts a durable (or weak) Redis; sets $REDIS to its URL
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "serve": serve, "start": start, "lines": lines, "hang": hang, "sendsignal": sendsignal, "signal": signal, "postgres": postgres, "asrole": asRole, "redis": redis, "disk": onDisk, "certificates": certificates,
		},
		Setup: func(env *testscript.Env) error {
			test, ok := env.T().(testing.TB)
			if !ok {
				return errors.New("not a test of package testing")
			}
			env.Values[key{}] = &state{test: test}
			return nil
		},
	})
}

// key is the key of a script's state.
type key struct{}

// state is the state of a script between its commands.
type state struct {
	test    testing.TB
	started *started
}

func stateOf(ts *testscript.TestScript) *state {
	s, ok := ts.Value(key{}).(*state)
	if !ok {
		ts.Fatalf("the script was not set up")
	}
	return s
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		code = ended.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, expected %s", code, args[0])
	}
}

func redis(ts *testscript.TestScript, neg bool, args []string) {
	weak := len(args) == 1 && args[0] == "weak"
	if neg || len(args) > 0 && !weak {
		ts.Fatalf("usage: redis [weak]")
	}
	ts.Setenv("REDIS", testdb.StartRedis(stateOf(ts).test, testdb.RedisOptions{Durable: !weak}).URL())
}

// onDisk creates a folder in /var/tmp. The usual folder for tests may be in memory, which
// doctor reports.
func onDisk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: disk")
	}
	folder, err := os.MkdirTemp("/var/tmp", "eventagg")
	ts.Check(err)
	ts.Defer(func() { _ = os.RemoveAll(folder) })
	ts.Setenv("DISK", folder)
}

func postgres(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: postgres")
	}
	ts.Setenv("POSTGRES", testdb.Postgres(stateOf(ts).test))
}

func asRole(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: asrole NAME")
	}
	address, err := url.Parse(ts.Getenv("POSTGRES"))
	ts.Check(err)
	ctx := stateOf(ts).test.Context()
	conn, err := pgx.Connect(ctx, address.String())
	ts.Check(err)
	_, err = conn.Exec(ctx, ts.ReadFile("stdout")+"ALTER ROLE "+args[0]+" PASSWORD 'secret'")
	ts.Check(errors.Join(err, conn.Close(ctx)))
	address.User = url.UserPassword(args[0], "secret")
	ts.Setenv("POSTGRES", address.String())
}
