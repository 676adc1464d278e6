//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/sql"
)

// plan is the plan of a statement for the filled table.
type plan struct {
	Statement string   `json:"statement"`
	Scans     []string `json:"scans"`           // of the tables that grow with the events
	Bad       bool     `json:"sequential_scan"` // one reads a whole table
}

// statement is a statement with arguments.
type statement struct {
	name string
	file string
	args []any
}

// readStatements returns the statements of the reads, without a filter and with filters
// for several topics.
func readStatements() []statement {
	const newest = int64(math.MaxInt64)
	page := func(name, file string, from, number int64, more ...any) statement {
		args := append([]any{from, number, newest, 11, (*time.Time)(nil), (*time.Time)(nil)}, more...)
		return statement{name, file, args}
	}
	return []statement{
		{"stats", "stats", nil},
		{"topic_stats", "topic_stats", []any{(*string)(nil), (*int64)(nil), "", (*int64)(nil)}},
		{"last tick", "last_tick", nil},
		page("older", "commits_before", 0, newest),
		page("older, a busy topic", "commits_of_topic_before", newest, newest, busyTopic),
		page("older, a quiet topic", "commits_of_topic_before", newest, newest, quietTopic),
		page("older, a rare topic", "commits_of_topic_before", newest, newest, rareTopic),
		page("newer", "commits_after", 1, 0),
		page("newer, a rare topic", "commits_of_topic_after", 1, 0, rareTopic),
		{"event", "commit_of_event", []any{busyTopic, []byte("none")}},
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

// newPlan finds the scans of the large tables in the lines of a plan.
func newPlan(name string, lines []string) plan {
	large := regexp.MustCompile(` on (events|events_\w+|commits|identities|ticks)( |$)`) // tables that grow with the events
	p := plan{Statement: name, Scans: []string{}}
	for _, line := range lines {
		step := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "->"))
		if large.MatchString(step) {
			p.Scans = append(p.Scans, step)
			p.Bad = p.Bad || strings.Contains(step, "Seq Scan")
		}
	}
	return p
}
