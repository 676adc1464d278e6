package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// placeMask are the bits of events.place that are the index of the event in its
// append. The others are the random number of the transaction.
const placeMask = 1<<20 - 1

const (
	// firstStep is the number of events to request while their size is unknown. An
	// early Close of rows still reads everything that the server sends. This number
	// of the largest events costs the time of a few pages.
	firstStep = 32
	// firstCommits and maxCommits are the numbers of transactions to request at
	// first and at most. A filter on the source may leave out all of their events.
	firstCommits, maxCommits = 32, 1024
)

// commit is a transaction that stored events: where they are, and its place in the
// order.
type commit struct {
	tick    tick
	number  uint64
	created time.Time
	base    int32 // the random number of the transaction
	topics  []int32
	names   []string
	stored  int64
	// first and last bound the places of its events that the page wants.
	first, last int32
}

// page is a result that is being read.
type page struct {
	filter  store.Filter
	limit   int
	older   bool
	from    store.Position // where the next commits are read, in normal form
	first   uint64         // the first tick to read
	records []store.Record
	size    int
	more    bool
}

func newPage(filter store.Filter, limit int, older bool, from store.Position) *page {
	return &page{filter: filter, limit: limit, older: older, from: from}
}

// full reports whether the page has all that it may have.
func (p *page) full() bool { return len(p.records) == p.limit || p.size >= store.PageBytes }

// room is the number of further events that fit into the page, at the average size so
// far, plus one that shows whether there are more.
func (p *page) room() int {
	step := firstStep
	if p.size > 0 {
		step = max(0, store.PageBytes-p.size)*len(p.records)/p.size + 1
	}
	return min(step, p.limit+1-len(p.records))
}

// fill reads the page: transactions in their order, and then the data of their events,
// until the page is full or the transactions up to the last tick are read.
func (s *Store) fill(ctx context.Context, r reader, p *page, last head) error {
	if p.filter.ID != "" {
		return s.fillByID(ctx, r, p, last)
	}
	for step := min(firstCommits, p.limit+1); ; step = min(2*step, maxCommits) {
		from := p.from
		commits, ended, err := s.readCommits(ctx, r, p, last, step)
		if err != nil {
			return err
		}
		p.limitFirst(commits, from)
		for len(commits) > 0 && !p.more {
			count := p.enough(commits)
			if err := s.readEvents(ctx, r, p, commits[:count]); err != nil {
				return err
			}
			commits = commits[count:]
		}
		if p.more || ended {
			return nil
		}
	}
}

// filteredEvents is the number of events among which those of one source are looked
// for at once.
const filteredEvents = 2000

// enough returns how many of the transactions have the events for the rest of the page.
// The database sorts all events of the transactions that a query names.
func (p *page) enough(commits []commit) int {
	wanted := int64(p.limit + 1 - len(p.records))
	if p.filter.Source != "" {
		wanted = filteredEvents
	}
	for i := range commits {
		if wanted -= commits[i].stored; wanted <= 0 {
			return i + 1
		}
	}
	return len(commits)
}

// readCommits reads up to step transactions from p.from, moves p.from behind them, and
// reports whether there are no more.
func (s *Store) readCommits(ctx context.Context, r reader, p *page, last head, step int) (commits []commit, ended bool, err error) {
	query, arguments := s.queries.commitsAfter, []any{p.from.Tick, p.from.Commit, last.number, step, orNull(p.filter.Since), orNull(p.filter.Until)}
	switch {
	case p.filter.Topic != "" && p.older:
		query, arguments = s.queries.commitsOfTopicBefore, append(arguments, p.filter.Topic)
	case p.filter.Topic != "":
		query, arguments = s.queries.commitsOfTopicAfter, append(arguments, p.filter.Topic)
	case p.older:
		query = s.queries.commitsBefore
		arguments[0], arguments[2] = p.first, p.from.Tick
	}
	rows, _ := r.Query(ctx, query, arguments...) // ForEachRow returns the error
	var (
		number, fingerprint uint64
		commit              commitRow
		count               int
	)
	_, err = pgx.ForEachRow(rows, commit.columns(&number, &fingerprint), func() error {
		count++
		p.from = p.behind(number, commit.number)
		if commit.number != nil {
			commits = append(commits, commit.value(tick{number: number, fingerprint: uint32(fingerprint)}))
		}
		return nil
	})
	return commits, count < step, err
}

// behind returns the position behind a transaction, or behind a tick.
func (p *page) behind(tick uint64, commit *uint64) store.Position {
	switch {
	case commit != nil && p.older:
		return store.Position{Tick: tick, Commit: *commit - 1, Seq: placeMask + 1}
	case commit != nil:
		return store.Position{Tick: tick, Commit: *commit + 1}
	case p.older:
		return normal(store.Position{Tick: tick})
	default:
		return store.Position{Tick: tick + 1}
	}
}

// commitRow is a row of the queries for transactions, with nulls for a tick without
// any that the page wants.
type commitRow struct {
	number  *uint64
	created *time.Time
	base    *int32
	stored  int64
	topics  []int32
	names   []string
}

func (r *commitRow) columns(tick, fingerprint *uint64) []any {
	return []any{tick, fingerprint, &r.number, &r.created, &r.base, &r.stored, &r.topics, &r.names}
}

func (r *commitRow) value(in tick) commit {
	return commit{
		tick: in, number: *r.number, created: *r.created, base: *r.base, topics: r.topics, names: r.names, stored: r.stored,
		first: *r.base + 1, last: *r.base | placeMask,
	}
}

// limitFirst leaves out the events of the first transaction that are on the other side
// of the position, or at it.
func (p *page) limitFirst(commits []commit, at store.Position) {
	if len(commits) == 0 || commits[0].tick.number != at.Tick || commits[0].number != at.Commit {
		return
	}
	c, seq := &commits[0], int32(min(at.Seq, placeMask+1))
	if p.older {
		c.last = c.base + seq - 1
	} else {
		c.first = c.base + seq + 1
	}
}

// readEvents adds the events of transactions to the page. It reads in steps. The first
// step is short. Each further one is as long as the rest of the page has room for, at
// the average size so far. Most pages take one or two steps.
func (s *Store) readEvents(ctx context.Context, r reader, p *page, commits []commit) error {
	for len(commits) > 0 {
		step := p.room()
		at, added, err := s.readStep(ctx, r, p, commits, step)
		if err != nil || p.more || added < step {
			return err
		}
		commits = commits[at:]
		seq := int32(p.records[len(p.records)-1].Position.Seq)
		if p.older {
			commits[0].last = commits[0].base + seq - 1
		} else {
			commits[0].first = commits[0].base + seq + 1
		}
	}
	return nil
}

// readStep adds up to step events to the page. It returns the index of the last one's
// transaction and how many events it read.
func (s *Store) readStep(ctx context.Context, r reader, p *page, commits []commit, step int) (at, added int, err error) {
	var (
		numbers, topics, first, last []int32
		created                      []time.Time
		names                        = map[int32]string{}
		oldest, newest               = commits[0].created, commits[0].created
	)
	for i := range commits {
		c := &commits[i]
		for j, topic := range c.topics {
			names[topic] = c.names[j]
			numbers, topics, created = append(numbers, int32(i)), append(topics, topic), append(created, c.created)
			first, last = append(first, c.first), append(last, c.last)
		}
		if c.created.Before(oldest) {
			oldest = c.created
		}
		if c.created.After(newest) {
			newest = c.created
		}
	}
	query := s.queries.eventsAfter
	if p.older {
		query = s.queries.eventsBefore
	}
	rows, err := r.Query(ctx, query, numbers, topics, created, first, last, oldest, newest, orNull(p.filter.Source), step)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if p.full() {
			p.more = true
			break
		}
		var number int
		record, err := scanRecord(rows, commits, names, &number)
		if err != nil {
			return at, added, err
		}
		p.records = append(p.records, record)
		p.size += record.Size()
		at, added = number, added+1
	}
	rows.Close()
	return at, added, rows.Err()
}

// scanRecord reads a row of the queries for events.
func scanRecord(row pgx.Rows, commits []commit, names map[int32]string, number *int) (store.Record, error) {
	var (
		r     store.Record
		topic int32
		key   []byte
	)
	if err := row.Scan(number, &r.Position.Seq, &r.CreatedAt, &r.Timestamp, &topic, &key, &r.Source, &r.Payload); err != nil {
		return r, err
	}
	id, err := keyText(key)
	c := &commits[*number]
	r.Event = event.Event{Topic: names[topic], ID: id, Timestamp: r.Timestamp.UTC(), Source: r.Source, Payload: r.Payload}
	r.CreatedAt = r.CreatedAt.UTC()
	r.Position.Tick, r.Position.Commit, r.Position.Fingerprint = c.tick.number, c.number, c.tick.fingerprint
	return r, err
}
