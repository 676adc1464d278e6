package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
)

// group is the consumer group of all workers.
const group = "eventagg"

// consumer is a [queue.Consumer]. It keeps what it was given until that is
// finished, to hand it out again without reading the history, which would make
// each of the server's counts of deliveries one higher.
type consumer struct {
	queue   *Queue
	name    string
	decoder *event.Decoder
	held    []queue.Message
	shelved map[string]bool // those of held that are not handed out, by Ref
	// unsure marks the streams where the server may have given more than has
	// arrived: all before the first call, and those where a reply was lost.
	unsure []bool
	// fresh marks those where nothing was received yet: what the server has given
	// there was another's of this name.
	fresh []bool
	turn  int // which stream is read next
}

// Consumer begins to take messages under a name that nobody else uses.
func (q *Queue) Consumer(name string) queue.Consumer {
	all := slices.Repeat([]bool{true}, len(q.streams))
	return &consumer{queue: q, name: name, decoder: event.NewDecoder(), unsure: all, fresh: slices.Clone(all)}
}

// A Receive answers about so much at most.
const (
	receiveEvents = 4000
	receiveBytes  = 8 << 20
)

// slice is how long one blocking read takes at most. A read that is broken off
// could lose its reply, so the end of the caller's context is seen in between.
const slice = 250 * time.Millisecond

// Receive returns what is unfinished, or else the next messages.
func (c *consumer) Receive(ctx context.Context, wait time.Duration) ([]queue.Message, error) {
	const what = "receive"
	if err := c.queue.usable(ctx, what); err != nil {
		return nil, err
	}
	if err := c.recover(ctx); err != nil {
		return nil, err
	}
	sure, err := c.renew(ctx)
	if err != nil {
		return nil, err
	}
	if some := c.some(sure); len(some) > 0 {
		return some, nil
	}
	end := c.queue.options.Now().Add(wait)
	if got, err := c.readAll(ctx, noBlock); got || err != nil { // whatever is there, without waiting
		return c.received(sure, got, err)
	}
	for {
		if err := c.queue.usable(ctx, what); err != nil {
			return nil, err
		}
		left := end.Sub(c.queue.options.Now())
		if left < time.Millisecond { // 0 would block for ever
			return nil, nil
		}
		got, err := c.readAll(ctx, min(left, slice/time.Duration(len(c.queue.streams))))
		if got || err != nil {
			return c.received(sure, got, err)
		}
	}
}

// received answers what was read before an error, and the error only where that
// is nothing.
func (c *consumer) received(sure []bool, got bool, err error) ([]queue.Message, error) {
	if got {
		return c.some(sure), nil
	}
	return nil, err
}

// some are the first of the held messages, within the bounds of one Receive,
// without those of streams that nobody is sure of.
func (c *consumer) some(sure []bool) []queue.Message {
	var some []queue.Message
	events, bytes := 0, 0
	for _, m := range c.held {
		if r, err := c.queue.parseRef(m.Ref); err != nil || !sure[r.stream] || c.shelved[m.Ref] {
			continue
		}
		events += len(m.Events)
		for _, e := range m.Events {
			bytes += e.Size()
		}
		if len(some) > 0 && (events > receiveEvents || bytes > receiveBytes) {
			break
		}
		some = append(some, m)
	}
	return some
}

// Park keeps messages out of what Receive returns.
func (c *consumer) Park(messages []queue.Message) {
	c.shelved = make(map[string]bool, len(messages))
	for _, m := range messages {
		c.shelved[m.Ref] = true
	}
}

// Renew renews what is held.
func (c *consumer) Renew(ctx context.Context) error {
	if err := c.queue.usable(ctx, "keep"); err != nil {
		return err
	}
	_, err := c.renew(ctx)
	return err
}

const noBlock = -1

// readAll reads one stream after the other until one has something; it fails
// where none can be reached.
func (c *consumer) readAll(ctx context.Context, block time.Duration) (bool, error) {
	var all partly
	for range c.queue.streams {
		got, number := false, c.turn
		c.turn = (c.turn + 1) % len(c.queue.streams)
		err := all.add(c.queue.try(ctx, "receive", c.queue.streams[number], func() (err error) {
			got, err = c.read(ctx, number, block)
			return err
		}))
		if err != nil || got {
			return got, err
		}
	}
	return false, all.err()
}

// read takes from one stream, at most once waiting, until the bounds are reached
// or there is no more, and reports whether it got any, which may be so with an
// error as well. It begins with few: until it has seen entries it does not know
// how large they are.
func (c *consumer) read(ctx context.Context, number int, block time.Duration) (bool, error) {
	const first, most, growth = 8, 256, 4
	all, events, bytes, count := 0, 0, 0, first
	for {
		got, size, err := c.readSome(ctx, number, block, count)
		if err != nil {
			c.unsure[number] = true // what it may have given is looked for next time
			return all > 0, err
		}
		c.held = append(c.held, got...)
		all += len(got)
		for _, m := range got {
			events += len(m.Events)
		}
		bytes += size
		if len(got) < count || events >= receiveEvents || bytes >= receiveBytes {
			return all > 0, nil
		}
		room := min((receiveEvents-events)*all/max(events, 1), (receiveBytes-bytes)*all/max(bytes, 1))
		count, block = max(1, min(count*growth, most, room)), noBlock
	}
}

// readSome is one XREADGROUP. It goes on when ctx ends, since the reply may have
// messages in it that nobody else is given.
func (c *consumer) readSome(ctx context.Context, number int, block time.Duration, count int) ([]queue.Message, int, error) {
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(block, 0)+c.queue.options.Timeout)
	defer cancel()
	key := c.queue.streams[number].events
	var streams []goredis.XStream
	err := c.queue.withGroup(reading, number, func() (err error) {
		streams, err = c.queue.reads.XReadGroup(reading, &goredis.XReadGroupArgs{
			Group: group, Consumer: c.name, Streams: []string{key, ">"}, Count: int64(count), Block: block,
		}).Result()
		return err
	})
	if errors.Is(err, goredis.Nil) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	var messages []queue.Message
	size := 0
	for _, s := range streams {
		for _, m := range s.Messages {
			fields := make(map[string]string, len(m.Values))
			for name, value := range m.Values {
				fields[name], _ = value.(string)
			}
			size += len(fields["e"])
			messages = append(messages, message(c.decoder, number, m.ID, fields, 1))
		}
	}
	return messages, size, nil
}

// withGroup calls again once it has made the consumer group, where that was
// missing: the first time, and after somebody emptied the server.
func (q *Queue) withGroup(ctx context.Context, number int, call func() error) error {
	err := call()
	if !noGroup(err) {
		return err
	}
	err = q.commands.XGroupCreateMkStream(ctx, q.streams[number].events, group, "0").Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return err
	}
	return call()
}

// recover finds what the server has given to this consumer and it does not hold.
func (c *consumer) recover(ctx context.Context) error {
	var all partly
	for number, unsure := range c.unsure {
		if !unsure {
			all.reached++
			continue
		}
		err := c.queue.try(ctx, "receive", c.queue.streams[number], func() error { return c.recoverFrom(ctx, number) })
		if err := all.add(err); err != nil {
			return err
		}
		c.unsure[number] = err != nil
		c.fresh[number] = c.fresh[number] && err != nil
	}
	return all.err()
}

func (c *consumer) recoverFrom(ctx context.Context, number int) error {
	const count = 8
	anew := "0"
	if c.fresh[number] {
		anew = "1" // by one that had the same name
	}
	known := make(map[string]bool, len(c.held))
	for _, m := range c.held {
		known[m.Ref] = true
	}
	for start := "-"; start != ""; {
		var answer any
		err := c.queue.withGroup(ctx, number, func() (err error) {
			answer, err = c.queue.eval(ctx, c.queue.commands, c.queue.scripts.recover,
				[]string{c.queue.streams[number].events}, group, c.name, start, count, anew)
			return err
		})
		if err != nil {
			return err
		}
		var found []queue.Message
		start, found = c.found(number, answer)
		for _, m := range found {
			if !known[m.Ref] {
				c.held = append(c.held, m)
			}
		}
	}
	return nil
}

// found reads what the scripts recover and claim answer.
func (c *consumer) found(number int, answer any) (next string, messages []queue.Message) {
	list, _ := answer.([]any)
	for i, item := range list {
		if i == 0 {
			next, _ = item.(string)
			continue
		}
		parts, _ := item.([]any)
		if len(parts) != 3 {
			continue
		}
		id, _ := parts[0].(string)
		deliveries, _ := parts[1].(int64)
		messages = append(messages, message(c.decoder, number, id, fieldsOf(parts[2]), deliveries))
	}
	return next, messages
}

// renew keeps what is still this consumer's, as if just given to it, and lets go
// what others have taken over. It answers of which streams that is known.
func (c *consumer) renew(ctx context.Context) (sure []bool, err error) {
	sure = slices.Repeat([]bool{true}, len(c.queue.streams))
	ids, err := c.byStream(c.held)
	if err != nil {
		return nil, err
	}
	all, mine := partly{reached: len(sure) - len(ids)}, map[string]bool{}
	for number, refs := range ids {
		s := c.queue.streams[number]
		err := c.queue.try(ctx, "receive", s, func() error { return c.renewIn(ctx, number, refs, mine) })
		if err := all.add(err); err != nil {
			return nil, err
		}
		sure[number] = err == nil
	}
	c.held = slices.DeleteFunc(c.held, func(m queue.Message) bool {
		r, err := c.queue.parseRef(m.Ref)
		return err != nil || sure[r.stream] && !mine[fmt.Sprint(r.stream, "/", r.id)]
	})
	return sure, all.err()
}

// renewIn notes which entries of a stream are still this consumer's.
func (c *consumer) renewIn(ctx context.Context, number int, refs []ref, mine map[string]bool) error {
	for chunk := range slices.Chunk(refs, chunkSize) {
		args := append(make([]any, 0, 2+len(chunk)), group, c.name)
		for _, r := range chunk {
			args = append(args, r.id)
		}
		answer, err := c.queue.eval(ctx, c.queue.commands, c.queue.scripts.renew, []string{c.queue.streams[number].events}, args...)
		if err != nil && !noGroup(err) {
			return err
		}
		list, _ := answer.([]any)
		for _, id := range list {
			mine[fmt.Sprint(number, "/", id)] = true
		}
	}
	return nil
}

// chunkSize is how many entries a script deals with at most: others wait.
const chunkSize = 500

// byStream sorts messages by the stream that they lie in.
func (c *consumer) byStream(messages []queue.Message) (map[int][]ref, error) {
	sorted := map[int][]ref{}
	for _, m := range messages {
		r, err := c.queue.parseRef(m.Ref)
		if err != nil {
			return nil, err
		}
		sorted[r.stream] = append(sorted[r.stream], r)
	}
	return sorted, nil
}

// Claim takes over what others were given longer ago than idle.
func (c *consumer) Claim(ctx context.Context, idle time.Duration) ([]queue.Message, error) {
	const count = 16
	var claimed []queue.Message
	err := c.queue.each(ctx, "claim", func(number int, s *stream) error {
		var answer any
		err := c.queue.withGroup(ctx, number, func() (err error) {
			answer, err = c.queue.eval(ctx, c.queue.commands, c.queue.scripts.claim,
				[]string{s.events}, group, c.name, idle.Milliseconds(), count)
			return err
		})
		if err != nil {
			c.unsure[number] = true
			return err
		}
		_, messages := c.found(number, answer)
		claimed = append(claimed, messages...)
		c.held = append(c.held, messages...)
		return nil
	})
	if err != nil {
		return nil, err // what was claimed before comes with the next Receive
	}
	return claimed, nil
}
