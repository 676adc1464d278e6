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

// plan is how PostgreSQL would run one of the statements in the filled table.
type plan struct {
	Statement string   `json:"statement"`
	Scans     []string `json:"scans"`           // of the table of events
	Bad       bool     `json:"sequential_scan"` // one of them reads all of it
}

// question is a statement with values to plan it for.
type question struct {
	name string
	file string
	args []any
}

// questions are the statements behind the reads, without a filter and with one
// for topics of all kinds.
func questions() []question {
	page := func(name, file string, commit int64, more ...any) question {
		args := append([]any{commit, math.MaxInt32, 10, (*string)(nil), (*time.Time)(nil), (*time.Time)(nil)}, more...)
		return question{name, file, args}
	}
	const first, horizon = int64(0), int64(math.MaxInt64)
	return []question{
		{"stats", "stats", nil},
		{"topic_stats", "topic_stats", nil},
		page("older", "older", horizon),
		page("older, a busy topic", "older_of_topic", horizon, busyTopic),
		page("older, a quiet topic", "older_of_topic", horizon, quietTopic),
		page("older, a rare topic", "older_of_topic", horizon, rareTopic),
		page("newer", "newer", first, horizon),
		page("newer, a rare topic", "newer_of_topic", first, horizon, rareTopic),
		{"event", "event", []any{busyTopic, "none"}},
	}
}

// plans explains the statements in the filled table, in a session like those
// that run them.
func (l *lab) plans(ctx context.Context) ([]plan, error) {
	conn, err := pgx.Connect(ctx, l.postgres.url+databaseFilled)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	session, err := sql.Files.ReadFile("postgres/queries/reader_session.sql")
	if err != nil {
		return nil, fmt.Errorf("read a statement: %w", err)
	}
	if _, err := conn.Exec(ctx, string(session)); err != nil {
		return nil, fmt.Errorf("prepare the session: %w", err)
	}
	var all []plan
	for _, q := range questions() {
		p, err := explain(ctx, conn, q)
		if err != nil {
			return nil, fmt.Errorf("explain %s: %w", q.name, err)
		}
		all = append(all, p)
	}
	return all, nil
}

func explain(ctx context.Context, conn *pgx.Conn, q question) (plan, error) {
	text, err := sql.Files.ReadFile("postgres/queries/" + q.file + ".sql")
	if err != nil {
		return plan{}, err
	}
	rows, err := conn.Query(ctx, "EXPLAIN (COSTS off) "+string(text), q.args...)
	if err != nil {
		return plan{}, err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return plan{}, err
	}
	return newPlan(q.name, lines), nil
}

// newPlan finds the scans of the table of events among the lines of a plan.
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
