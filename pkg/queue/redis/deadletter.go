package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/queue"
)

// letterID is the ID of a dead letter. IDs are ordered by time, and by stream if the
// times are equal.
type letterID struct {
	ms, seq uint64
	stream  int
}

// entry returns the ID of the entry within its stream.
func (l letterID) entry() string { return fmt.Sprintf("%d-%d", l.ms, l.seq) }

// String returns the ID that users see.
func (l letterID) String() string { return fmt.Sprintf("%d-%d-%d", l.ms, l.seq, l.stream) }

func (l letterID) compare(other letterID) int {
	return cmp.Or(cmp.Compare(l.ms, other.ms), cmp.Compare(l.seq, other.seq), cmp.Compare(l.stream, other.stream))
}

var errLetter = errors.New("invalid dead-letter ID")

func parseLetterID(text string) (letterID, error) {
	parts := strings.Split(text, "-")
	if len(parts) != 3 {
		return letterID{}, fmt.Errorf("%w %q: expected for example 1766102400000-0-0", errLetter, text)
	}
	ms, errMs := strconv.ParseUint(parts[0], 10, 64)
	seq, errSeq := strconv.ParseUint(parts[1], 10, 64)
	number, errStream := strconv.Atoi(parts[2])
	if errors.Join(errMs, errSeq, errStream) != nil || number < 0 {
		return letterID{}, fmt.Errorf("%w %q: expected for example 1766102400000-0-0", errLetter, text)
	}
	return letterID{ms: ms, seq: seq, stream: number}, nil
}

// DeadLetters merges the dead letters of all streams, the oldest first.
func (q *Queue) DeadLetters(ctx context.Context, after string, limit int) ([]queue.DeadLetter, error) {
	const call = "dead letters"
	from := letterID{stream: -1}
	if after != "" {
		var err error
		if from, err = parseLetterID(after); err != nil {
			return nil, err
		}
	}
	type letter struct {
		id letterID
		queue.DeadLetter
	}
	var letters []letter
	decoder := codec.NewDecoder()
	for number := range q.streams {
		if err := q.usable(ctx, call); err != nil {
			return nil, err
		}
		entries, err := q.lettersOf(ctx, number, from, limit)
		if err != nil {
			return nil, q.translate(ctx, call, err)
		}
		for _, entry := range entries {
			id, err := parseLetterID(entry.ID + "-" + strconv.Itoa(number))
			if err != nil {
				return nil, err
			}
			letters = append(letters, letter{id, readLetter(decoder, id, entry)})
		}
	}
	slices.SortFunc(letters, func(a, b letter) int { return a.id.compare(b.id) })
	found := make([]queue.DeadLetter, 0, min(limit, len(letters)))
	for _, l := range letters[:min(limit, len(letters))] {
		found = append(found, l.DeadLetter)
	}
	return found, nil
}

func (q *Queue) lettersOf(ctx context.Context, number int, from letterID, limit int) ([]goredis.XMessage, error) {
	start := from.entry()
	if number <= from.stream {
		start = "(" + start
	}
	ctx, cancel := context.WithTimeout(ctx, q.options.Timeout)
	defer cancel()
	return q.commands.XRangeN(ctx, q.streams[number].dead, start, "+", int64(limit)).Result()
}

func readLetter(decoder *codec.Decoder, id letterID, entry goredis.XMessage) queue.DeadLetter {
	text := func(name string) string {
		value, _ := entry.Values[name].(string)
		return value
	}
	l := queue.DeadLetter{ID: id.String(), Reason: text("r")}
	l.QueuedAt, _ = timeOf(text("q"))
	l.FailedAt, _ = timeOf(entry.ID)
	l.Deliveries, _ = strconv.ParseInt(text("k"), 10, 64)
	if e, err := decoder.Decode([]byte(text("e"))); err == nil {
		l.Event = e
	} else {
		l.Text = text("e")
	}
	return l
}

// Retry puts dead letters back into the queue as new deliveries.
func (q *Queue) Retry(ctx context.Context, ids []string) (int64, error) {
	return q.eachStream(ctx, "retry", ids, q.scripts.retry, func(id letterID) ([]any, error) {
		delivery, err := q.newID()
		return []any{id.entry(), delivery}, err
	})
}

// Drop deletes dead letters.
func (q *Queue) Drop(ctx context.Context, ids []string) (int64, error) {
	return q.eachStream(ctx, "drop", ids, q.scripts.drop, func(id letterID) ([]any, error) {
		return []any{id.entry()}, nil
	})
}

// eachStream runs a script on the dead letters of each stream and counts those that
// exist. IDs of unknown streams do not exist.
func (q *Queue) eachStream(ctx context.Context, call string, ids []string, s script, args func(letterID) ([]any, error)) (int64, error) {
	if err := q.usable(ctx, call); err != nil {
		return 0, err
	}
	byStream := make([][]letterID, len(q.streams))
	for _, text := range ids {
		id, err := parseLetterID(text)
		if err != nil {
			return 0, err
		}
		if id.stream < len(byStream) {
			byStream[id.stream] = append(byStream[id.stream], id)
		}
	}
	var count int64
	for number, letters := range byStream {
		for chunk := range slices.Chunk(letters, chunkSize) {
			var all []any
			for _, id := range chunk {
				some, err := args(id)
				if err != nil {
					return count, err
				}
				all = append(all, some...)
			}
			keys := []string{q.streams[number].events, q.streams[number].size, q.streams[number].dead}
			reply, err := q.eval(ctx, q.commands, s, keys, all...)
			if err != nil {
				return count, q.translate(ctx, call, err)
			}
			some, _ := reply.(int64)
			count += some
		}
	}
	return count, nil
}
