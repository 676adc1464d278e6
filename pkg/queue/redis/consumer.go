package redis

import (
	"context"
	"errors"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/queue"
)

// group is the consumer group of all workers.
const group = "eventagg"

// consumer is a [queue.Consumer].
type consumer struct {
	queue   *Queue
	name    string
	decoder *codec.Decoder
	turn    int // the stream that is read next

	// replyLost marks the streams whose server may have delivered more than was
	// received: a reply was lost. It holds for all of them before the first call,
	// because a consumer of the same name may have existed.
	replyLost []bool
	// unread marks the streams from which nothing was read yet. What the server has
	// delivered there was for another consumer of this name.
	unread []bool

	rest []queue.Message // received, and more than one call may return

	mu   sync.Mutex
	held []map[string]bool // IDs of the unfinished entries of each stream
}

// Consumer returns a new consumer.
func (q *Queue) Consumer(name string) queue.Consumer {
	c := &consumer{queue: q, name: name, decoder: codec.NewDecoder()}
	for range q.streams {
		c.replyLost, c.unread, c.held = append(c.replyLost, true), append(c.unread, true), append(c.held, map[string]bool{})
	}
	return c
}

// Maximum of one Receive, approximately.
const (
	receiveEvents = 4000
	receiveBytes  = 8 << 20
)

// blockTime is the maximum time of one blocking read. An interrupted read could
// lose its reply, so the caller's context is checked between reads.
const blockTime = 250 * time.Millisecond

// noBlock makes a read return at once. Zero would block without a limit.
const noBlock = -1

// Receive returns the next messages. Messages whose reply was lost come first.
func (c *consumer) Receive(ctx context.Context, wait time.Duration) ([]queue.Message, error) {
	const call = "receive"
	if err := c.queue.usable(ctx, call); err != nil {
		return nil, err
	}
	if len(c.rest) > 0 {
		return c.some(nil), nil
	}
	if messages, err := c.recover(ctx); len(messages) > 0 || err != nil {
		return c.some(messages), err
	}
	end := c.queue.options.Now().Add(wait)
	block := time.Duration(noBlock)
	for {
		if messages, err := c.readAll(ctx, block); len(messages) > 0 || err != nil {
			return c.some(messages), err
		}
		left := end.Sub(c.queue.options.Now())
		if left < time.Millisecond {
			return nil, nil
		}
		if err := c.queue.usable(ctx, call); err != nil {
			return nil, err
		}
		block = min(left, blockTime/time.Duration(len(c.queue.streams)))
	}
}

// some returns as many messages as one call may return. It keeps the others for the
// next call.
func (c *consumer) some(messages []queue.Message) []queue.Message {
	c.rest = append(c.rest, messages...)
	n, events, bytes := 0, 0, 0
	for _, m := range c.rest {
		events += len(m.Events)
		for _, e := range m.Events {
			bytes += e.Size()
		}
		if n > 0 && (events > receiveEvents || bytes > receiveBytes) {
			break
		}
		n++
	}
	messages, c.rest = c.rest[:n:n], c.rest[n:]
	return messages
}

// readAll reads one stream after the other until one has messages. It fails if
// none can be reached.
func (c *consumer) readAll(ctx context.Context, block time.Duration) ([]queue.Message, error) {
	var all partly
	for range c.queue.streams {
		var messages []queue.Message
		number := c.turn
		c.turn = (c.turn + 1) % len(c.queue.streams)
		err := all.add(c.queue.try(ctx, "receive", c.queue.streams[number], func() (err error) {
			messages, err = c.read(ctx, number, block)
			return err
		}))
		if len(messages) > 0 { // also if a later part of the read failed
			return messages, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, all.err()
}

// read reads from one stream until it has enough or there is no more. Only its
// first command waits. It starts with few entries, because it does not know how
// large they are. With an error, it returns what it has read before.
func (c *consumer) read(ctx context.Context, number int, block time.Duration) ([]queue.Message, error) {
	const first, most, growth = 8, 256, 4
	var messages []queue.Message
	events, bytes, count := 0, 0, first
	for {
		got, size, err := c.readSome(ctx, number, block, count)
		if err != nil {
			c.replyLost[number] = true
			return messages, err
		}
		c.hold(number, got)
		messages = append(messages, got...)
		for _, m := range got {
			events += len(m.Events)
		}
		bytes += size
		if len(got) < count || events >= receiveEvents || bytes >= receiveBytes {
			return messages, nil
		}
		room := min((receiveEvents-events)*len(messages)/max(events, 1), (receiveBytes-bytes)*len(messages)/max(bytes, 1))
		count, block = max(1, min(count*growth, most, room)), noBlock
	}
}

// readSome is one XREADGROUP. It ignores that ctx ends: the reply may have messages
// that no other consumer is given.
func (c *consumer) readSome(ctx context.Context, number int, block time.Duration, count int) ([]queue.Message, int, error) {
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(block, 0)+c.queue.options.Timeout)
	defer cancel()
	var streams []goredis.XStream
	err := c.queue.withGroup(reading, number, func() (err error) {
		streams, err = c.queue.reads.XReadGroup(reading, &goredis.XReadGroupArgs{
			Group: group, Consumer: c.name, Streams: []string{c.queue.streams[number].events, ">"}, Count: int64(count), Block: block,
		}).Result()
		return err
	})
	if err != nil && !errors.Is(err, goredis.Nil) {
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

// withGroup creates the consumer group if it is missing and calls again. It is
// missing at first, and after the server was emptied.
func (q *Queue) withGroup(ctx context.Context, number int, call func() error) error {
	err := call()
	if !noGroup(err) {
		return err
	}
	err = q.commands.XGroupCreateMkStream(ctx, q.streams[number].events, group, "0").Err()
	if err != nil && !goredis.HasErrorPrefix(err, "BUSYGROUP") {
		return err
	}
	return call()
}

// hold notes that this consumer has messages, so that Renew renews their leases.
func (c *consumer) hold(number int, messages []queue.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range messages {
		if r, err := c.queue.parseRef(m.Ref); err == nil {
			c.held[number][r.id] = true
		}
	}
}

// release notes that this consumer no longer has entries.
func (c *consumer) release(number int, ids ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		delete(c.held[number], id)
	}
}

// recover returns messages that the server has delivered and that were not received.
func (c *consumer) recover(ctx context.Context) ([]queue.Message, error) {
	var all partly
	var messages []queue.Message
	for number, lost := range c.replyLost {
		if !lost {
			all.reached++
			continue
		}
		err := c.queue.try(ctx, "receive", c.queue.streams[number], func() error {
			found, err := c.recoverFrom(ctx, number)
			messages = append(messages, found...)
			return err
		})
		if err := all.add(err); err != nil && len(messages) == 0 {
			return nil, err
		}
		c.replyLost[number] = err != nil
		c.unread[number] = c.unread[number] && err != nil
	}
	if len(messages) > 0 {
		return messages, nil
	}
	return nil, all.err()
}

func (c *consumer) recoverFrom(ctx context.Context, number int) ([]queue.Message, error) {
	const count = 8
	newDelivery := "0"
	if c.unread[number] {
		newDelivery = "1" // the first was to a consumer of the same name
	}
	var messages []queue.Message
	for start := "-"; start != ""; {
		var reply any
		err := c.queue.withGroup(ctx, number, func() (err error) {
			reply, err = c.queue.eval(ctx, c.queue.commands, c.queue.scripts.recover,
				[]string{c.queue.streams[number].events}, group, c.name, start, count, newDelivery)
			return err
		})
		if err != nil {
			return messages, err
		}
		var found []queue.Message
		start, found = c.parseEntries(number, reply)
		for _, m := range found {
			if r, err := c.queue.parseRef(m.Ref); err == nil && !c.holds(number, r.id) {
				messages = append(messages, m)
				c.hold(number, []queue.Message{m})
			}
		}
	}
	return messages, nil
}

func (c *consumer) holds(number int, id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held[number][id]
}

// parseEntries parses a reply of the scripts recover and claim.
func (c *consumer) parseEntries(number int, reply any) (next string, messages []queue.Message) {
	list, _ := reply.([]any)
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

// Claim takes over messages whose lease has expired.
func (c *consumer) Claim(ctx context.Context, expired time.Duration) ([]queue.Message, error) {
	const count = 16
	var claimed []queue.Message
	err := c.queue.each(ctx, "claim", func(number int, s *stream) error {
		var reply any
		err := c.queue.withGroup(ctx, number, func() (err error) {
			reply, err = c.queue.eval(ctx, c.queue.commands, c.queue.scripts.claim,
				[]string{s.events}, group, c.name, expired.Milliseconds(), count)
			return err
		})
		if err != nil {
			c.replyLost[number] = true
			return err
		}
		_, messages := c.parseEntries(number, reply)
		c.hold(number, messages)
		claimed = append(claimed, messages...)
		return nil
	})
	if len(claimed) > 0 {
		return claimed, nil
	}
	return nil, err
}
