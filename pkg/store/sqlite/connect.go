package sqlite

import (
	stdsql "database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"

	_ "modernc.org/sqlite" // the driver

	"github.com/eventagg/eventagg/sql"
)

const (
	// busyMillis is how long one waits for another process that writes.
	busyMillis = 5000
	// writerCacheKiB holds the upper levels of the key index, which every
	// insert looks at.
	writerCacheKiB = 16 * 1024
	// checkpointPages is how much gathers in the log (of 4 KiB each) before it
	// is moved into the file. Keys come in no order, so most pages are in the
	// log many times: the less often it is moved, the more that saves.
	checkpointPages = 8000
	// maxReaders bounds the connections that read.
	maxReaders = 4
)

// openWriter makes the pool of the one connection that writes. Waiting for it
// is the queue of the writers, and ends with the waiting call's context. The
// mode "rw" opens a file that is there, "rwc" makes it otherwise.
func openWriter(path, mode string) (*stdsql.DB, error) {
	return openPool(path, 1, url.Values{
		"mode":    {mode},
		"_txlock": {"immediate"}, // so that a transaction waits at its start, not in its middle
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyMillis),
			"journal_mode(WAL)", "synchronous(FULL)", "temp_store(MEMORY)",
			fmt.Sprintf("cache_size(-%d)", writerCacheKiB), fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages),
		},
	})
}

// openReaders makes the pool of the connections that read.
func openReaders(path string) (*stdsql.DB, error) {
	return openPool(path, min(maxReaders, 2*runtime.GOMAXPROCS(0)), url.Values{
		"mode":    {"ro"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyMillis), "query_only(1)"},
	})
}

func openPool(path string, size int, parameters url.Values) (*stdsql.DB, error) {
	// A URL, since a path may have a question mark in it.
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/folder
	}
	name := url.URL{Scheme: "file", Path: path, RawQuery: parameters.Encode()}
	db, err := stdsql.Open("sqlite", name.String())
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// statement reads one of the files of sql/sqlite/queries.
func statement(name string) (string, error) {
	text, err := sql.Files.ReadFile("sqlite/queries/" + name + ".sql")
	if err != nil {
		return "", fmt.Errorf("read the statement %s: %w", name, err)
	}
	return strings.TrimSpace(string(text)), nil
}
