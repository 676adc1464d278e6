package cmd_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/testdb"
)

// guideBlock returns the code block of the guide "operations" below a mark, with the
// changes for the test.
func guideBlock(t *testing.T, mark string, changes *strings.Replacer) string {
	t.Helper()
	pattern := regexp.MustCompile("(?s)<!-- tested: " + regexp.QuoteMeta(mark) + " -->\n\n```\\w+\n(.*?)```")
	block := pattern.FindStringSubmatch(readFile(t, guideFolder+"/operations.md"))
	if block == nil {
		t.Fatalf("the guide has no block %q", mark)
	}
	return changes.Replace(block[1])
}

// guideSettings returns the settings in a block of the guide.
func guideSettings(t *testing.T, mark string, changes *strings.Replacer) map[string]string {
	t.Helper()
	settings := map[string]string{}
	for line := range strings.Lines(guideBlock(t, mark, changes)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		settings[name] = strings.Trim(value, "'")
	}
	return settings
}

// disaster is a server with events, and what its followers know. The backups that the
// guide describes are made of it.
type disaster struct {
	*stage

	primary *testdb.Server
	folder  string // /backup of the guide
	changes *strings.Replacer
	moment  string // before the events are stored that a backup lacks
	cursors string // folder with the cursor files of two followers
	before  []string
}

func newDisaster(t *testing.T) *disaster {
	t.Helper()
	d := &disaster{folder: testdb.Folder(t), cursors: t.TempDir()}
	d.changes = strings.NewReplacer("/backup", d.folder)
	settings := guideSettings(t, "archive", d.changes)
	d.primary = testdb.StartPostgres(t, testdb.PostgresOptions{Settings: settings})
	if err := os.Mkdir(filepath.Join(d.folder, "wal"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(d.folder, "wal"), 0o777); err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(d.primary.URL())
	if err != nil {
		t.Fatal(err)
	}
	server := "postgres://" + address.User.String() + "@" + address.Host
	d.changes = strings.NewReplacer("/backup", d.folder, "eventagg.dump", d.folder+"/eventagg.dump",
		"postgres://postgres@localhost", server, "postgres://eventagg@localhost", server,
		"--username=postgres", "--host="+address.Hostname()+" --port="+address.Port()+" --username="+address.User.Username())
	d.stage = newStage(t, d.primary.URL())
	return d
}

// shell runs a block of the guide.
func (d *disaster) shell(t *testing.T, mark string) {
	t.Helper()
	address, err := url.Parse(d.primary.URL())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := address.User.Password()
	command := exec.CommandContext(t.Context(), "sh", "-e", "-c", guideBlock(t, mark, d.changes))
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), "PGPASSWORD="+password, "PGSSLMODE=disable", "PATH="+testdb.PostgresBin(t)+":"+os.Getenv("PATH"))
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", mark, err, out)
	}
}

// send publishes 300 events, 90 of them duplicates, and returns how many were stored.
func (s *stage) sendSeed(seed int) (stored int64) {
	s.t.Helper()
	var report struct {
		Stored int64 `json:"success"`
	}
	out := run(s.t, "publish", "--url", "http://"+s.addr, "--count", "300", "--dup-rate", "0.3", "--batch-size", "20", "--seed", fmt.Sprint(seed), "-o", "json")
	if err := json.Unmarshal(out, &report); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	return report.Stored
}

// follow returns the IDs of the events after a cursor file, oldest first.
func (d *disaster) follow(s *stage, name string) ([]string, error) {
	command := exec.CommandContext(s.t.Context(), "eventagg", "tail", "--url", "http://"+s.addr, "--limit", "1000", "-o", "json",
		"--cursor-file", filepath.Join(d.cursors, name))
	out, err := command.Output()
	if ended, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it as it is
		err = fmt.Errorf("%w: %s", err, ended.Stderr)
	}
	return idsOf(s.t, out), err
}

// idsOf returns the IDs in lines of JSON.
func idsOf(t *testing.T, lines []byte) (ids []string) {
	t.Helper()
	for line := range strings.Lines(string(lines)) {
		var record struct {
			ID string `json:"event_id"`
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, record.ID)
	}
	return ids
}

// all returns the IDs of all events, oldest first.
func (s *stage) all() []string { return idsOf(s.t, run(s.t, "export", "--url", "http://"+s.addr)) }

// query returns the text that a statement selects.
func query(t *testing.T, server *testdb.Server, statement string) (text string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(t.Context(), statement).Scan(&text); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return text
}

// TestPostgres_BackupsOfTheGuide makes each backup that the guide describes, loses
// events, and restores: the counters, the order and the cursors are right, and a
// follower of lost events is refused and finds its way as the guide says.
func TestPostgres_BackupsOfTheGuide(t *testing.T) {
	t.Parallel()
	d := newDisaster(t)
	d.serve()
	d.sendSeed(1)
	d.shell(t, "base backup")
	early := d.all()
	d.sendSeed(2)
	if _, err := d.follow(d.stage, "kept"); err != nil {
		t.Fatal(err)
	}
	d.shell(t, "dump")
	d.before = d.all()
	d.moment = query(t, d.primary, `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`)
	d.sendSeed(3)
	if _, err := d.follow(d.stage, "lost"); err != nil {
		t.Fatal(err)
	}
	d.end(syscall.SIGTERM)

	d.shell(t, "restore the dump")
	d.check(t, strings.Replace(d.primary.URL(), "/eventagg?", "/eventagg_restored?", 1), d.before)

	d.primary.Stop(testdb.Fast) // archives the rest of the log
	recovery := guideSettings(t, "recovery", d.changes)
	recovery["recovery_target_time"] = strings.NewReplacer("T", " ", "Z", "+00").Replace(d.moment)
	d.check(t, testdb.StartRestored(t, d.primary, filepath.Join(d.folder, "base"), recovery).URL(), d.before)

	restored := newStage(t, testdb.StartRestored(t, d.primary, filepath.Join(d.folder, "base"), nil).URL())
	restored.serve()
	if got := restored.all(); !slices.Equal(got, early) {
		t.Errorf("the base backup alone has %d events, expected %d", len(got), len(early))
	}
	if _, err := d.follow(restored, "kept"); err == nil || !strings.Contains(err.Error(), "belongs to other data") {
		t.Errorf("after the base backup alone a follower of later events: %v", err)
	}
}

// TestBackup_CommandsOfTheGuide runs the guide's commands for SQLite.
func TestBackup_CommandsOfTheGuide(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "eventagg.db")
	s := newStage(t, "sqlite:"+path)
	s.serve()
	backup, restore, _ := strings.Cut(guideBlock(t, "sqlite", strings.NewReplacer()), "\n")
	shell := func(line string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "sh", "-e", "-c", line)
		command.Dir, command.Env = filepath.Dir(path), append(os.Environ(), "EVENTAGG_DATABASE_URL=sqlite:"+path)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	s.sendSeed(1)
	before := s.all()
	shell(backup)
	run(t, "verify", "--database-url", "sqlite:"+filepath.Join(filepath.Dir(path), "backup.db"))
	s.sendSeed(2)
	s.end(syscall.SIGTERM)
	shell(restore)
	s.serve()
	if got := s.all(); !slices.Equal(got, before) {
		t.Errorf("after the restore there are %d events, expected %d", len(got), len(before))
	}
}

// check checks a restored database that must have the events want.
func (d *disaster) check(t *testing.T, database string, want []string) {
	t.Helper()
	s := newStage(t, database)
	s.serve()
	defer s.end(syscall.SIGTERM)
	run(t, "verify", "--database-url", database)
	if got := s.all(); !slices.Equal(got, want) {
		t.Errorf("there are %d events in this order, expected %d", len(got), len(want))
	}
	stats, ok := s.stats()
	if !ok || stats.Stored != int64(len(want)) || stats.Received != 600 || stats.Duplicates != 600-stats.Stored {
		t.Errorf("counted %+v of %d events", stats, len(want))
	}
	copyTo(t, filepath.Join(d.cursors, "kept"), filepath.Join(d.cursors, "follower"))
	if got, err := d.follow(s, "follower"); err != nil || len(got) != 0 {
		t.Errorf("a follower of events in the backup got %v, %v", got, err)
	}
	d.refused(t, s)
	if stored := s.sendSeed(1); stored != 0 {
		t.Errorf("%d events of the backup were stored again", stored)
	}
	stored := s.sendSeed(3)
	d.refused(t, s)
	again, err := d.follow(s, "follower")
	if err != nil || stored != 210 || int64(len(again)) != stored {
		t.Errorf("the follower got %d of %d new events, %v", len(again), stored, err)
	}
	command := strings.Fields(guideBlock(t, "follower", strings.NewReplacer("2025-12-19T12:00:00Z", d.moment)))
	if got := idsOf(t, run(t, append(command[1:], "--url", "http://"+s.addr)...)); !slices.Equal(got, again) {
		t.Errorf("since the moment of the backup there are %d events, expected %d", len(got), len(again))
	}
}

// refused checks that a follower of lost events is refused, with what to do.
func (d *disaster) refused(t *testing.T, s *stage) {
	t.Helper()
	if got, err := d.follow(s, "lost"); err == nil || len(got) > 0 || !strings.Contains(err.Error(), "belongs to other data") {
		t.Errorf("a follower of lost events got %d events, %v", len(got), err)
	}
}

// copyTo copies a small file.
func copyTo(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
