package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/disk"
	"github.com/eventagg/eventagg/sql"
)

// parts are the parts of the facts, each with the function that reads it. Parts are
// independent: a role may lack the right for one of them.
func (i *inspection) parts() map[string]func(context.Context) error {
	f := i.facts
	return map[string]func(context.Context) error{
		FactsSettings:   i.settings,
		FactsClock:      i.clock,
		FactsOverrides:  func(ctx context.Context) error { return rowsOf(ctx, i, "doctor_overrides", &f.Overrides) },
		FactsTables:     func(ctx context.Context) error { return rowsOf(ctx, i, "doctor_tables", &f.Tables) },
		FactsSessions:   func(ctx context.Context) error { return rowOf(ctx, i, "doctor_sessions", &f.Sessions) },
		FactsPrepared:   func(ctx context.Context) error { return rowOf(ctx, i, "doctor_prepared", &f.Prepared) },
		FactsSlots:      func(ctx context.Context) error { return rowsOf(ctx, i, "doctor_slots", &f.Slots) },
		FactsStandbys:   func(ctx context.Context) error { return rowsOf(ctx, i, "doctor_standbys", &f.Standbys) },
		FactsWAL:        func(ctx context.Context) error { return rowOf(ctx, i, "doctor_wal", &f.WAL) },
		FactsExtensions: func(ctx context.Context) error { return i.one(ctx, "doctor_extensions", &f.Extensions) },
	}
}

// statement reads a statement of the doctor, which may name the schema.
func (i *inspection) statement(name string) (string, error) {
	text, err := sql.Files.ReadFile("postgres/queries/" + name + ".sql")
	if err != nil {
		return "", fmt.Errorf("read the statement %s: %w", name, err)
	}
	return sql.InSchema(string(text), i.facts.Schema), nil
}

// one reads a row with one column.
func (i *inspection) one(ctx context.Context, name string, into any) error {
	text, err := i.statement(name)
	if err != nil {
		return err
	}
	return i.pool.QueryRow(ctx, text).Scan(into)
}

// rowsOf reads rows into structs, whose fields have the names of the columns.
func rowsOf[T any](ctx context.Context, i *inspection, name string, into *[]T) error {
	text, err := i.statement(name)
	if err != nil {
		return err
	}
	rows, err := i.pool.Query(ctx, text)
	if err != nil {
		return err
	}
	*into, err = pgx.CollectRows(rows, pgx.RowToStructByName[T])
	return err
}

// rowOf is rowsOf for exactly one row.
func rowOf[T any](ctx context.Context, i *inspection, name string, into *T) error {
	var rows []T
	if err := rowsOf(ctx, i, name, &rows); err != nil {
		return err
	}
	if len(rows) != 1 {
		return fmt.Errorf("%d rows, expected 1", len(rows))
	}
	*into = rows[0]
	return nil
}

// settings reads the settings as a session of this role has them, and then what a
// writer makes of synchronous_commit.
func (i *inspection) settings(ctx context.Context) error {
	var rows []struct{ Name, Value string }
	if err := rowsOf(ctx, i, "doctor_settings", &rows); err != nil {
		return err
	}
	i.facts.Settings = map[string]string{}
	for _, row := range rows {
		i.facts.Settings[row.Name] = row.Value
	}
	i.facts.Version = i.facts.Settings["server_version"]
	i.disk()
	tx, err := i.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	text, err := i.statement("writer_transaction")
	if err != nil {
		return err
	}
	return tx.QueryRow(ctx, text).Scan(&i.facts.SynchronousCommit)
}

// clock compares the clocks. The shortest of three round trips is the most exact.
func (i *inspection) clock(ctx context.Context) error {
	for range 3 {
		var server time.Time
		before := time.Now()
		if err := i.one(ctx, "doctor_clock", &server); err != nil {
			return err
		}
		trip := time.Since(before)
		if i.facts.RoundTrip == 0 || trip < i.facts.RoundTrip {
			i.facts.RoundTrip, i.facts.Skew = trip, server.Sub(before.Add(trip/2))
		}
	}
	return nil
}

// disk finds the free space of a server on this machine. Only some roles may see the
// name of its folder.
func (i *inspection) disk() {
	folder := i.facts.Settings["data_directory"]
	switch {
	case !i.facts.Local:
		i.facts.DiskUnknown = "it is on another machine"
	case folder == "":
		i.facts.DiskUnknown = "the role may not see data_directory"
	default:
		usage, err := disk.Of(folder)
		if err != nil {
			i.facts.DiskUnknown = err.Error()
		}
		i.facts.Disk = usage
	}
}
