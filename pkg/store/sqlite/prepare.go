package sqlite

import (
	"context"
	stdsql "database/sql"
)

// appendStatements are the statements of the writer.
type appendStatements struct {
	lastCreated, event, countTopic, addTopic, countTotal *stdsql.Stmt
	remember, forget                                     *stdsql.Stmt
}

func prepareAppend(ctx context.Context, db *stdsql.DB) (appendStatements, error) {
	var s appendStatements
	err := prepare(ctx, db, map[string]**stdsql.Stmt{
		"last_created": &s.lastCreated, "append_event": &s.event,
		"count_topic": &s.countTopic, "add_topic": &s.addTopic, "count_total": &s.countTotal,
		"remember": &s.remember, "forget": &s.forget,
	})
	return s, err
}

// readStatements are the statements of the readers.
type readStatements struct {
	stats, topicStats, event, lastID, known  *stdsql.Stmt
	older, olderOfTopic, newer, newerOfTopic *stdsql.Stmt
}

func prepareRead(ctx context.Context, db *stdsql.DB) (readStatements, error) {
	var s readStatements
	err := prepare(ctx, db, map[string]**stdsql.Stmt{
		"stats": &s.stats, "topic_stats": &s.topicStats, "event": &s.event, "last_id": &s.lastID, "known": &s.known,
		"older": &s.older, "older_of_topic": &s.olderOfTopic, "newer": &s.newer, "newer_of_topic": &s.newerOfTopic,
	})
	return s, err
}

// prepare prepares the statements with these file names. Closing the pool closes
// them.
func prepare(ctx context.Context, db *stdsql.DB, statements map[string]**stdsql.Stmt) error {
	for name, target := range statements {
		text, err := statement(name)
		if err != nil {
			return err
		}
		if *target, err = db.PrepareContext(ctx, text); err != nil { //nolint:sqlclosecheck // closed with the pool
			return translate(ctx, err, "prepare the statement "+name)
		}
	}
	return nil
}
