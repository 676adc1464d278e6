package sqlite

import (
	"context"
	stdsql "database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/eventagg/eventagg/pkg/event/digest"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/audit"
)

// Audit is an [audit.Source] of a database file. Create one with [OpenAudit]. It is not
// safe for concurrent use.
type Audit struct {
	db      *stdsql.DB // one connection
	path    string
	copied  os.FileInfo // the file when it was opened, if nothing writes to it
	digests digest.Computer
	queries map[string]string
}

var _ audit.Source = (*Audit)(nil)

// OpenAudit opens a database file for reading. If a store has the file open, the audit
// reads beside it. Otherwise the file is taken for a copy: nothing is written to its
// folder, and the audit fails if the file changes meanwhile.
func OpenAudit(ctx context.Context, path string) (*Audit, error) {
	path, err := checkPath(path)
	if err != nil {
		return nil, err
	}
	file, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("the database file %s does not exist: %w", path, store.ErrUnavailable)
	}
	if err != nil {
		return nil, fmt.Errorf("open the database file: %w: %w", store.ErrUnavailable, err)
	}
	a := &Audit{path: path, queries: map[string]string{}}
	parameters := url.Values{"mode": {"ro"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", busyMillis), "query_only(1)"}}
	if !inUse(path) {
		a.copied = file
		parameters.Set("immutable", "1")
	}
	if err := checkWAL(path); err != nil {
		return nil, err
	}
	if a.db, err = openPool(path, 1, parameters); err != nil {
		return nil, err
	}
	if err := errors.Join(checkSchema(ctx, a.db, path), a.load()); err != nil {
		return nil, errors.Join(err, a.db.Close())
	}
	return a, nil
}

// inUse reports whether a write-ahead log is beside a file. A store keeps one while it is
// open, and removes it when it closes.
func inUse(path string) bool {
	_, err := os.Stat(path + walSuffix)
	return !errors.Is(err, os.ErrNotExist)
}

// load reads the statements.
func (a *Audit) load() error {
	for _, name := range []string{"bound", "identities", "events", "topics", "totals", "reports", "deliveries", "sizes"} {
		text, err := statement("audit_" + name)
		if err != nil {
			return err
		}
		a.queries[name] = text
	}
	return nil
}

// Close implements [audit.Source].
func (a *Audit) Close() error {
	if err := a.db.Close(); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// errChanged means that what was read may be parts of two states.
var errChanged = errors.New("another program opened or changed the file, which was read as a copy that nothing writes to; start again")

// unchanged fails if a file that was read as a copy was changed.
func (a *Audit) unchanged() error {
	if a.copied == nil {
		return nil
	}
	file, err := os.Stat(a.path)
	if err != nil {
		return fmt.Errorf("find the database file: %w: %w", store.ErrUnavailable, err)
	}
	if inUse(a.path) || file.Size() != a.copied.Size() || !file.ModTime().Equal(a.copied.ModTime()) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, errChanged)
	}
	return nil
}

// auditRows reads rows, and calls each for every one of them.
func (a *Audit) auditRows(ctx context.Context, query string, each func(row) error, arguments ...any) (failed error) {
	rows, err := a.db.QueryContext(ctx, a.queries[query], arguments...)
	if err != nil {
		return translate(ctx, err, "audit the "+query)
	}
	defer func() {
		if failed = errors.Join(failed, rows.Close()); failed != nil {
			failed = translate(ctx, failed, "audit the "+query)
		}
	}()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), a.unchanged())
}

// Start implements [audit.Source].
func (a *Audit) Start(ctx context.Context) (string, error) {
	var last int64
	err := a.auditRows(ctx, "bound", func(from row) error { return from.Scan(&last) })
	return audit.Encode(last), err
}

// sizes returns about how many events and topics there are.
func (a *Audit) sizes(ctx context.Context) (events, topics int64, err error) {
	err = a.auditRows(ctx, "sizes", func(from row) error { return from.Scan(&events, &topics) })
	return events, topics, err
}

// Deliveries implements [audit.Deliveries].
func (a *Audit) Deliveries(ctx context.Context, after string, limit int) ([]audit.Delivery, error) {
	from, err := hex.DecodeString(after)
	if err != nil {
		return nil, fmt.Errorf("read the ID of a delivery: %w", err)
	}
	var all []audit.Delivery
	err = a.auditRows(ctx, "deliveries", func(from row) error {
		var id []byte
		var queued int64
		if err := from.Scan(&id, &queued); err != nil {
			return err
		}
		all = append(all, audit.Delivery{ID: hex.EncodeToString(id), QueuedAt: time.UnixMicro(queued).UTC()})
		return nil
	}, from, limit)
	return all, err
}
