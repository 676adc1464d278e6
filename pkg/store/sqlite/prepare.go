package sqlite

import (
	"context"
	stdsql "database/sql"
)

// appendStatements are the statements of the writer.
type appendStatements struct {
	lastNumbers, content, addTime, countTotal, remember, forget, pruneReports     *stdsql.Stmt
	oldest, dropEvents, dropTotal, dropIdentity, dropTimes                        *stdsql.Stmt
	findTopics, countTopics, addIdentities, findIdentities, addData, writeReports rowsStatement
}

func prepareAppend(ctx context.Context, db *stdsql.DB) (s appendStatements, err error) {
	for name, target := range map[string]*rowsStatement{
		"find_topics": &s.findTopics, "count_topics": &s.countTopics,
		"add_identities": &s.addIdentities, "find_identities": &s.findIdentities, "add_events": &s.addData,
		"duplicates_write": &s.writeReports,
	} {
		if *target, err = prepareRows(ctx, db, name); err != nil {
			return s, err
		}
	}
	return s, prepare(ctx, db, map[string]**stdsql.Stmt{
		"last_numbers": &s.lastNumbers, "content": &s.content, "add_time": &s.addTime, "count_total": &s.countTotal,
		"remember": &s.remember, "forget": &s.forget, "duplicates_prune": &s.pruneReports,
		"oldest": &s.oldest, "drop_events": &s.dropEvents, "drop_total": &s.dropTotal,
		"drop_identity": &s.dropIdentity, "drop_times": &s.dropTimes,
	})
}

// readStatements are the statements of the readers.
type readStatements struct {
	stats, topicStats, event, lastID, known, newestTime, knownTopics, duplicates *stdsql.Stmt
	hasIdentity, droppedID, oldest, oldBlocks, nextIdentities                    *stdsql.Stmt
	holdings, firstKept                                                          *stdsql.Stmt
	older, newer                                                                 pageStatements
}

// pageStatements read a page in one direction: of all topics or of one, without or
// with bounds on created_at; or of the events with one ID.
type pageStatements struct{ all, topic, between, topicBetween, byID *stdsql.Stmt }

func prepareRead(ctx context.Context, db *stdsql.DB) (readStatements, error) {
	var s readStatements
	err := prepare(ctx, db, map[string]**stdsql.Stmt{
		"stats": &s.stats, "topic_stats": &s.topicStats, "event": &s.event, "last_id": &s.lastID, "known": &s.known,
		"newest_time": &s.newestTime, "known_topics": &s.knownTopics,
		"has_identity": &s.hasIdentity, "dropped_id": &s.droppedID, "oldest": &s.oldest, "old_blocks": &s.oldBlocks,
		"next_identities": &s.nextIdentities, "holdings": &s.holdings, "first_kept": &s.firstKept,
		"duplicates": &s.duplicates,
		"older":      &s.older.all, "older_of_topic": &s.older.topic,
		"older_between": &s.older.between, "older_of_topic_between": &s.older.topicBetween,
		"older_by_id": &s.older.byID, "newer_by_id": &s.newer.byID,
		"newer": &s.newer.all, "newer_of_topic": &s.newer.topic,
		"newer_between": &s.newer.between, "newer_of_topic_between": &s.newer.topicBetween,
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
