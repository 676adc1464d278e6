package sqlite

import (
	"bytes"
	stdsql "database/sql"
	"errors"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/digest"
	"github.com/eventagg/eventagg/pkg/store"
)

// blockBits is the number of low bits of an id that its block leaves out; see the
// table event_times.
const blockBits = 12

// batch is the events of one append while they are stored.
type batch struct {
	*transaction
	topicOf   []int32 // index in topics, for each event
	topics    []counts
	rows      []blockRow // the events of the present block
	arguments []any      // memory for the parameters of a statement
	first     int64      // id of the first stored event, 0 for none
	last      int64      // id of the last stored event, also of an earlier transaction
	isNew     int64      // number of new topics

	digests  digest.Computer
	unproven []unproven // duplicates with another digest than the event of their key
}

// blockRow is an event of a block.
type blockRow struct {
	index int   // in events
	id    int64 // that it gets if it is stored
	key   any   // see storedKey

	digest digest.Digest
}

// unproven is a duplicate whose content may differ from that of the event with this id.
type unproven struct {
	index int
	id    int64
}

// counts are the events of one topic in a batch.
type counts struct {
	topic              string
	number             int64
	stored, duplicates int64
	conflicts          int64
}

// append stores events and counts them.
func (t *transaction) append(events []event.Event) ([]event.Outcome, error) {
	t.events, t.outcomes = events, make([]event.Outcome, len(events))
	b := batch{transaction: t, topicOf: make([]int32, len(events))}
	if err := b.findTopics(); err != nil {
		return nil, err
	}
	for from := 0; from < len(events); from += blockRows {
		if err := b.store(from, min(from+blockRows, len(events))); err != nil {
			return nil, err
		}
	}
	if err := b.findConflicts(); err != nil {
		return nil, err
	}
	if err := b.addTimes(); err != nil {
		return nil, err
	}
	return b.outcomes, b.count()
}

// findTopics reads the numbers of the topics, and gives numbers to new ones. It does so
// in each transaction: another process, or a restored file, may have other numbers.
func (b *batch) findTopics() error {
	var topics int64
	last := b.tx.StmtContext(b.ctx, b.statements.lastNumbers)
	defer func() { _ = last.Close() }() // the transaction has already closed it
	if err := last.QueryRowContext(b.ctx).Scan(&b.last, &topics); err != nil {
		return err
	}
	indexes := map[string]int32{}
	for i := range b.events {
		topic := b.events[i].Topic
		index, known := indexes[topic]
		if !known {
			index = int32(len(b.topics))
			indexes[topic] = index
			b.topics = append(b.topics, counts{topic: topic})
		}
		b.topicOf[i] = index
	}
	err := b.find(b.statements.findTopics, len(b.topics),
		func(i int) { b.argue(i, b.topics[i].topic) },
		func(rows *stdsql.Rows) error {
			var i int
			var number int64
			if err := rows.Scan(&i, &number); err != nil {
				return err
			}
			b.topics[i].number = number
			return nil
		})
	for i := range b.topics {
		if b.topics[i].number == 0 {
			b.isNew++
			b.topics[i].number = topics + b.isNew
		}
	}
	return err
}

// store stores the events of a block whose keys are new.
//
// It adds the keys first and looks for them only if some exist. If most keys of the
// block before existed, it looks first: a repeat then costs no attempt to add it, and
// leaves no gap in the ids.
func (b *batch) store(from, to int) error {
	b.rows = b.rows[:0]
	for i := from; i < to; i++ {
		b.rows = append(b.rows, blockRow{index: i, key: storedKey(b.events[i].ID), digest: b.digests.Of(&b.events[i])})
	}
	if b.repeated.Load() {
		if err := b.dropRepeats(); err != nil {
			return err
		}
	}
	for i := range b.rows {
		b.rows[i].id = b.last + 1 + int64(i)
	}
	added, err := b.exec(b.statements.addIdentities, func(r blockRow) { b.argue(b.topics[b.topicOf[r.index]].number, r.key, r.id, r.digest[:]) })
	if err != nil {
		return err
	}
	if added < int64(len(b.rows)) {
		if err := b.dropRepeats(); err != nil {
			return err
		}
	}
	b.repeated.Store(len(b.rows) < (to-from)/2)
	return b.addData(from, to)
}

// dropRepeats removes the rows whose keys belong to other events.
func (b *batch) dropRepeats() error {
	err := b.find(b.statements.findIdentities, len(b.rows),
		func(i int) { b.argue(i, b.topics[b.topicOf[b.rows[i].index]].number, b.rows[i].key) },
		func(rows *stdsql.Rows) error {
			var i int
			var id int64
			var found stdsql.RawBytes
			if err := rows.Scan(&i, &id, &found); err != nil {
				return err
			}
			if r := &b.rows[i]; r.id != id {
				if !bytes.Equal(found, r.digest[:]) {
					b.unproven = append(b.unproven, unproven{r.index, id})
				}
				r.index = -1
			}
			return nil
		})
	kept := b.rows[:0]
	for _, r := range b.rows {
		if r.index >= 0 {
			kept = append(kept, r)
		}
	}
	b.rows = kept
	return err
}

// addData stores the data of the rows, and notes the outcomes of the block.
func (b *batch) addData(from, to int) error {
	for i := from; i < to; i++ {
		b.outcomes[i] = event.Duplicate
		b.topics[b.topicOf[i]].duplicates++
	}
	if len(b.rows) == 0 {
		return nil
	}
	for _, r := range b.rows {
		b.outcomes[r.index] = event.Stored
		b.topics[b.topicOf[r.index]].duplicates--
		b.topics[b.topicOf[r.index]].stored++
	}
	if b.first == 0 {
		b.first = b.rows[0].id
	}
	b.last = b.rows[len(b.rows)-1].id
	_, err := b.exec(b.statements.addData, func(r blockRow) {
		e := &b.events[r.index]
		b.argue(r.id, b.now, e.Timestamp.UnixMicro(), b.topics[b.topicOf[r.index]].number, r.key, e.Source, e.Payload)
	})
	return err
}

// findConflicts compares the contents of duplicates with other digests. All data of the
// batch is stored: a duplicate can be one of an event of the same batch.
func (b *batch) findConflicts() error {
	if len(b.unproven) == 0 {
		return nil
	}
	content := b.tx.StmtContext(b.ctx, b.statements.content)
	defer func() { _ = content.Close() }()
	for _, u := range b.unproven {
		var stored event.Event
		var occurredAt int64
		err := content.QueryRowContext(b.ctx, u.id).Scan(&occurredAt, &stored.Source, &stored.Payload)
		if err != nil && !errors.Is(err, stdsql.ErrNoRows) {
			return err
		}
		stored.Timestamp = timeOf(occurredAt)
		if err == nil && digest.Same(&stored, &b.events[u.index]) || err != nil && b.events[u.index].TimeAssigned {
			continue
		}
		b.outcomes[u.index] = event.Conflict // without data, the digests decide, if both contain the sender's time
		b.topics[b.topicOf[u.index]].conflicts++
		if b.differing == nil {
			b.differing = map[int][]string{}
		}
		if err == nil {
			b.differing[u.index] = digest.Differing(&stored, &b.events[u.index], store.MaxReportMembers)
		}
	}
	return nil
}

// addTimes adds the time of the stored events to the blocks of their ids.
func (b *batch) addTimes() error {
	if b.first == 0 {
		return nil
	}
	addTime := b.tx.StmtContext(b.ctx, b.statements.addTime)
	defer func() { _ = addTime.Close() }()
	for block := b.first >> blockBits; block <= b.last>>blockBits; block++ {
		if _, err := run(b.ctx, addTime, block, b.now); err != nil {
			return err
		}
	}
	return nil
}

// count adds the batch to the counters.
func (b *batch) count() error {
	statements := b.statements.countTopics.inTransaction(b.ctx, b.tx)
	defer statements.close()
	var total counts
	err := statements.forRows(len(b.topics), func(block *stdsql.Stmt, from, to int) error {
		b.arguments = b.arguments[:0]
		for _, topic := range b.topics[from:to] {
			b.argue(topic.number, topic.topic, topic.stored, topic.duplicates, topic.conflicts, b.now, b.now)
			total.stored += topic.stored
			total.duplicates += topic.duplicates
			total.conflicts += topic.conflicts
		}
		_, err := run(b.ctx, block, b.arguments...)
		return err
	})
	if err != nil {
		return err
	}
	countTotal := b.tx.StmtContext(b.ctx, b.statements.countTotal)
	defer func() { _ = countTotal.Close() }()
	_, err = run(b.ctx, countTotal, total.stored, total.duplicates, b.isNew, b.last, total.conflicts)
	return err
}

// argue adds parameters of the next statement.
func (b *batch) argue(values ...any) { b.arguments = append(b.arguments, values...) }

// exec runs a statement with the parameters of each row, and returns the number of
// changed rows.
func (b *batch) exec(statement rowsStatement, arguments func(blockRow)) (changed int64, err error) {
	statement = statement.inTransaction(b.ctx, b.tx)
	defer statement.close()
	err = statement.forRows(len(b.rows), func(block *stdsql.Stmt, from, to int) error {
		b.arguments = b.arguments[:0]
		for _, r := range b.rows[from:to] {
			arguments(r)
		}
		n, err := run(b.ctx, block, b.arguments...)
		changed += n
		return err
	})
	return changed, err
}

// find runs a query with the parameters of count rows, and calls found for each row of
// the result.
func (b *batch) find(statement rowsStatement, count int, arguments func(index int), found func(*stdsql.Rows) error) error {
	statement = statement.inTransaction(b.ctx, b.tx)
	defer statement.close()
	return statement.forRows(count, func(block *stdsql.Stmt, from, to int) (failed error) {
		b.arguments = b.arguments[:0]
		for i := from; i < to; i++ {
			arguments(i)
		}
		rows, err := block.QueryContext(b.ctx, b.arguments...)
		if err != nil {
			return err
		}
		defer func() { failed = errors.Join(failed, rows.Close()) }()
		for rows.Next() {
			if err := found(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}
