//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/sql"
)

// plan is the plan of a statement for the filled table.
type plan struct {
	Statement string   `json:"statement"`
	Scans     []string `json:"scans"`           // of the table of events
	Bad       bool     `json:"sequential_scan"` // one reads the whole table
}

// statement is a statement with arguments.
type statement struct {
	name string
	file string
	args []any
}

// statements returns the statements of the reads, without a filter and with filters
// for several topics.
func readStatements() []statement {
	page := func(name, file string, commit int64, more ...any) statement {
		args := append([]any{commit, math.MaxInt32, 10, (*string)(nil), (*time.Time)(nil), (*time.Time)(nil)}, more...)
		return statement{name, file, args}
	}
	const first, newest = int64(0), int64(math.MaxInt64)
	return []statement{
		{"stats", "stats", nil},
		{"topic_stats", "topic_stats", nil},
		page("older", "older", newest),
		page("older, a busy topic", "older_of_topic", newest, busyTopic),
		page("older, a quiet topic", "older_of_topic", newest, quietTopic),
		page("older, a rare topic", "older_of_topic", newest, rareTopic),
		page("newer", "newer", first, newest),
		page("newer, a rare topic", "newer_of_topic", first, newest, rareTopic),
		{"event", "event", []any{busyTopic, "none"}},
	}
}

// plans returns the plans for the filled table, in a session like that of the server.
func (l *lab) plans(ctx context.Context) ([]plan, error) {
	conn, err := pgx.Connect(ctx, l.postgres.url+databaseFilled)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	session, err := sql.Files.ReadFile("postgres/queries/reader_session.sql")
	if err != nil {
		return nil, fmt.Errorf("read statement: %w", err)
	}
	if _, err := conn.Exec(ctx, string(session)); err != nil {
		return nil, fmt.Errorf("prepare the session: %w", err)
	}
	var all []plan
	for _, q := range readStatements() {
		p, err := explain(ctx, conn, q)
		if err != nil {
			return nil, fmt.Errorf("explain %s: %w", q.name, err)
		}
		all = append(all, p)
	}
	return all, nil
}

func explain(ctx context.Context, conn *pgx.Conn, q statement) (plan, error) {
	text, err := sql.Files.ReadFile("postgres/queries/" + q.file + ".sql")
	if err != nil {
		return plan{}, err
	}
	rows, err := conn.Query(ctx, "EXPLAIN (COSTS off) "+sql.InSchema(string(text), "public"), q.args...)
	if err != nil {
		return plan{}, err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return plan{}, err
	}
	return newPlan(q.name, lines), nil
}

// newPlan finds the scans of the table of events in the lines of a plan.
func newPlan(name string, lines []string) plan {
	p := plan{Statement: name, Scans: []string{}}
	for _, line := range lines {
		step := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "->"))
		if strings.HasSuffix(step, " on events") || strings.Contains(step, " on events ") || strings.Contains(step, " on events_") {
			p.Scans = append(p.Scans, step)
			p.Bad = p.Bad || strings.Contains(step, "Seq Scan on events")
		}
	}
	return p
}
