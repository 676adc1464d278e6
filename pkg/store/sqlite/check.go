package sqlite

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"

	lib "modernc.org/sqlite/lib"
)

// ErrDamaged is returned by [Backup] and [Restore] if a check of the copy fails: the
// file that was copied is damaged.
var ErrDamaged = errors.New("the database is damaged")

// check checks a closed database file without a write-ahead log: first its pages, and
// unless quick is set its indexes against its tables, then its counters against its rows.
func check(ctx context.Context, path string, quick bool) (c Copy, err error) {
	db, err := openImmutable(path)
	if err != nil {
		return Copy{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkIntegrity(ctx, db, quick); err != nil {
		return Copy{}, err
	}
	found, err := inspect(ctx, db, path)
	if err != nil {
		return Copy{}, err
	}
	provider, err := newProvider(db)
	if err != nil {
		return Copy{}, err
	}
	if found.version != newestVersion(provider) {
		return Copy{OtherVersion: true}, nil
	}
	if err := checkCounters(ctx, db); err != nil {
		return Copy{}, err
	}
	read, err := statement("stats")
	if err != nil {
		return Copy{}, err
	}
	c.Stats, err = scanStats(db.QueryRowContext(ctx, read))
	return c, err
}

func checkIntegrity(ctx context.Context, db *stdsql.DB, quick bool) error {
	pragma := "PRAGMA integrity_check(1)"
	if quick {
		pragma = "PRAGMA quick_check(1)"
	}
	var found string
	err := db.QueryRowContext(ctx, pragma).Scan(&found)
	switch {
	case damaged(err):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case err != nil:
		return translate(ctx, err, "check the pages")
	case found != "ok":
		return fmt.Errorf("%w: %s", ErrDamaged, found)
	}
	return nil
}

// checkCounters compares the counters of each topic with its rows, and the totals with
// the sums of the topics.
func checkCounters(ctx context.Context, db *stdsql.DB) error {
	totals, errTotals := statement("check_totals")
	topics, errTopics := statement("check_topics")
	if err := errors.Join(errTotals, errTopics); err != nil {
		return err
	}
	var topic stdsql.NullString
	var stored, identities, kept, events int64
	err := db.QueryRowContext(ctx, topics).Scan(&topic, &stored, &identities, &kept, &events)
	switch {
	case err == nil:
		return fmt.Errorf("%w: topic %q has a counter of %d, %d identities, %d of them of kept events, and %d events",
			ErrDamaged, topic.String, stored, identities, kept, events)
	case !errors.Is(err, stdsql.ErrNoRows):
		return translate(ctx, err, "compare the counters with the rows")
	}
	var equal bool
	if err := db.QueryRowContext(ctx, totals).Scan(&equal); err != nil {
		return translate(ctx, err, "compare the totals with the topics")
	}
	if !equal {
		return fmt.Errorf("%w: the totals differ from the sums of the topics", ErrDamaged)
	}
	return nil
}

// damaged reports whether SQLite found that the file is not a valid database.
func damaged(err error) bool { return isCode(err, lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB) }
