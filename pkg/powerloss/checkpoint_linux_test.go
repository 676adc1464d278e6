package powerloss_test

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver
)

// asCheckpointer makes the test binary a process that checkpoints an SQLite file, whose
// path is the value. SQLite maps files, so the process with the file system must not use
// them.
const asCheckpointer = "POWERLOSS_AS_CHECKPOINTER"

// checkpointSQLite runs a checkpointer until the context ends.
func checkpointSQLite(ctx context.Context, t *testing.T, path string) {
	program, err := os.Executable()
	if err != nil {
		t.Error(err)
		return
	}
	command := exec.CommandContext(ctx, program)
	command.Env = append(os.Environ(), asCheckpointer+"="+path)
	if out, err := command.CombinedOutput(); ctx.Err() == nil {
		t.Logf("the checkpointer ended: %v: %s", err, out) // it may if the power is cut
	}
}

// checkpointForever returns an exit code if a checkpoint fails.
func checkpointForever(path string) int {
	name := url.URL{Scheme: "file", Path: path, RawQuery: "mode=rw&_pragma=busy_timeout(1000)&_pragma=synchronous(FULL)"}
	db, err := stdsql.Open("sqlite", name.String())
	for ; err == nil; time.Sleep(20 * time.Millisecond) { // so that there is something to copy
		_, err = db.Exec("PRAGMA wal_checkpoint(RESTART)")
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// checkpointPostgres runs checkpoints until one fails.
func checkpointPostgres(ctx context.Context, address string) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return // the power is cut
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for err == nil {
		_, err = conn.Exec(ctx, "CHECKPOINT")
	}
}
