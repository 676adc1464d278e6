package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/digest"
	"github.com/eventagg/eventagg/pkg/store"
)

// findConflicts finds the duplicates of a committed append whose content differs from
// the stored event, and counts them. New events and exact repeats cost nothing here.
//
// It comes after the COMMIT and returns no error: the events are stored and counted. If
// the database fails now, a conflict is reported as a plain duplicate.
func (s *Store) findConflicts(ctx context.Context, events []event.Event, result *batchResult) {
	if len(result.unproven) == 0 && !result.repeats {
		return
	}
	groups := map[event.Key][]int32{} // the indexes of each key
	for i := range events {
		key := events[i].Key()
		groups[key] = append(groups[key], int32(i))
	}
	if len(result.unproven) > 0 {
		_ = s.compareStored(ctx, events, groups, result)
		for _, first := range result.unproven {
			delete(groups, events[first].Key())
		}
	}
	for _, group := range groups { // the first event is stored, or has the digest of the stored one
		for _, at := range group[1:] {
			if !digest.Same(&events[group[0]], &events[at]) {
				result.addConflict(int(at), digest.Differing(&events[group[0]], &events[at], store.MaxReportMembers))
			}
		}
	}
	_ = s.countConflicts(ctx, events, result.outcomes)
}

// compareStored compares the events of unproven keys with what is stored under them.
// The contents are read one after the other: together they can be large.
func (s *Store) compareStored(ctx context.Context, events []event.Event, groups map[event.Key][]int32, result *batchResult) error {
	topics, ids := make([]string, len(result.unproven)), make([][]byte, len(result.unproven))
	for i, first := range result.unproven {
		topics[i], ids[i] = events[first].Topic, appendKey(nil, events[first].ID)
	}
	_, err := withReader(ctx, s, func(r reader) (struct{}, error) {
		rows, _ := r.Query(ctx, s.queries.contents, result.unproven, topics, ids) // ForEachRow returns the error
		var (
			first           int32
			found           [digest.Size]byte
			at              *time.Time
			source, payload *string
		)
		_, err := pgx.ForEachRow(rows, []any{&first, &found, &at, &source, &payload}, func() error {
			for _, i := range groups[events[first].Key()] {
				if digestOf(&events[i]) == found || at == nil && events[i].TimeAssigned {
					continue
				}
				if at == nil { // without data, the digests decide, if both contain the sender's time
					result.addConflict(int(i), nil)
					continue
				}
				stored := event.Event{Timestamp: *at, Source: *source, Payload: *payload}
				if !digest.Same(&stored, &events[i]) {
					result.addConflict(int(i), digest.Differing(&stored, &events[i], store.MaxReportMembers))
				}
			}
			return nil
		})
		return struct{}{}, err
	})
	return err
}

// addConflict makes a duplicate a conflict that differs in these members.
func (r *batchResult) addConflict(index int, differing []string) {
	r.outcomes[index] = event.Conflict
	if r.differing == nil {
		r.differing = map[int][]string{}
	}
	r.differing[index] = differing
}

// countConflicts counts the conflicts of each topic.
func (s *Store) countConflicts(ctx context.Context, events []event.Event, outcomes []event.Outcome) error {
	counts := map[string]int32{}
	for i, outcome := range outcomes {
		if outcome == event.Conflict {
			counts[events[i].Topic]++
		}
	}
	if len(counts) == 0 {
		return nil
	}
	topics, numbers := make([]string, 0, len(counts)), make([]int32, 0, len(counts))
	for topic, number := range counts {
		topics, numbers = append(topics, topic), append(numbers, number)
	}
	_, err := s.writers.Exec(ctx, s.queries.countConflicts, topics, numbers)
	return err
}
