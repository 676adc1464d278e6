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
	// busyMillis is how long a call waits for another process that writes.
	busyMillis = 5000
	// writerCacheKiB has room for the upper levels of the key index, which every
	// insert reads.
	writerCacheKiB = 16 * 1024
	// checkpointPages is the number of pages (of 4 KiB each) in the log before
	// they are copied into the file. Keys are not sorted, so most pages are in
	// the log many times: fewer copies save more writes.
	checkpointPages = 8000
	// maxReaders is the maximum number of connections that read.
	maxReaders = 4
)

// openWriter opens the pool with the one connection that writes. Calls wait for it
// in order, and stop waiting when their context ends. The mode "rw" opens an
// existing file, and "rwc" creates it if it does not exist.
func openWriter(path, mode string) (*stdsql.DB, error) {
	pragmas := []string{fmt.Sprintf("busy_timeout(%d)", busyMillis)}
	if mode == "rwc" {
		// A new file can be made shorter by retention. This comes before the first page is
		// written. In an existing file it writes, and would wait for the lock of a writer.
		pragmas = append(pragmas, "auto_vacuum(INCREMENTAL)")
	}
	pragmas = append(pragmas, "journal_mode(WAL)", "synchronous(FULL)", "temp_store(MEMORY)",
		fmt.Sprintf("cache_size(-%d)", writerCacheKiB), fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages),
		fmt.Sprintf("journal_size_limit(%d)", walLimitBytes))
	return openPool(path, 1, url.Values{
		"mode":    {mode},
		"_txlock": {"immediate"}, // so that a transaction waits at its start and not in the middle
		"_pragma": pragmas,
	})
}

// openReaders opens the pool of the connections that read.
func openReaders(path string) (*stdsql.DB, error) {
	return openPool(path, min(maxReaders, 2*runtime.GOMAXPROCS(0)), url.Values{
		"mode":    {"ro"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyMillis), "query_only(1)"},
	})
}

// openImmutable opens a file to which no process writes. It makes no files beside it.
func openImmutable(path string) (*stdsql.DB, error) {
	return openPool(path, 1, url.Values{"mode": {"ro"}, "immutable": {"1"}})
}

func openPool(path string, size int, parameters url.Values) (*stdsql.DB, error) {
	db, err := stdsql.Open("sqlite", fileURL(path, parameters))
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// fileURL returns the URL of a database file. A path would not do, because it may
// contain a question mark.
func fileURL(path string, parameters url.Values) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/folder
	}
	name := url.URL{Scheme: "file", Path: path, RawQuery: parameters.Encode()}
	return name.String()
}

// statement returns a statement of sql/sqlite/queries.
func statement(name string) (string, error) {
	text, err := sql.Files.ReadFile("sqlite/queries/" + name + ".sql")
	if err != nil {
		return "", fmt.Errorf("read the statement %s: %w", name, err)
	}
	return strings.TrimSpace(string(text)), nil
}
