package loadgen

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

// fractionBits is the number of bits of an id's time below the millisecond (RFC
// 9562, section 6.2, method 3), so that 4,096 ids per millisecond ascend.
const fractionBits = 12

const (
	idLength = 36
	// stackBytes is the size of a buffer on the stack. It avoids a second
	// allocation for ordinary events.
	stackBytes = 512
)

// Event returns event k. Its id is a UUID version 7 that ascends with k. Topic,
// time and payload depend only on seed and k.
func (g *Generator) Event(k int64) event.Event {
	var stack [stackBytes]byte
	stamp := g.start + k
	text := appendUUID(stack[:0], uint64(stamp), draw(g.options.Seed, streamID, k))
	body := draw(g.options.Seed, streamBody, k)
	text = appendPayload(text, k, g.options.PayloadBytes, body)
	// One string for both: one allocation per event.
	both := string(text)
	millis, fraction := stamp>>fractionBits, stamp&(1<<fractionBits-1)
	return event.Event{
		Topic:     g.topics[body%uint64(len(g.topics))],
		ID:        both[:idLength],
		Timestamp: time.UnixMicro(millis*1000 + fraction*1000>>fractionBits).UTC(),
		Source:    g.options.Source,
		Payload:   both[idLength:],
	}
}

// appendUUID appends a UUID version 7: 48 bits of milliseconds, the version,
// 12 bits below the millisecond, the variant and 62 random bits.
func appendUUID(dst []byte, stamp, random uint64) []byte {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], stamp>>fractionBits<<16|0x7000|stamp&(1<<fractionBits-1))
	binary.BigEndian.PutUint64(id[8:], random>>2|1<<63)
	dst = append(hex.AppendEncode(dst, id[:4]), '-')
	dst = append(hex.AppendEncode(dst, id[4:6]), '-')
	dst = append(hex.AppendEncode(dst, id[6:8]), '-')
	dst = append(hex.AppendEncode(dst, id[8:10]), '-')
	return hex.AppendEncode(dst, id[10:])
}

// letters of the filler. There are 64, so six random bits select one.
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// appendPayload appends a JSON object of size bytes, or the shortest possible. If
// there is room, it looks like an order with a filler.
func appendPayload(dst []byte, k int64, size int, random uint64) []byte {
	const (
		order = `,"user":"u-000000","amount":1000.00,"note":""`
		tail  = `"}`
	)
	begin := len(dst)
	dst = strconv.AppendInt(append(dst, `{"seq":`...), k, 10)
	if size-(len(dst)-begin) < len(order)+1 {
		return append(dst, '}')
	}
	dst = strconv.AppendUint(append(dst, `,"user":"u-`...), 100_000+random>>8%900_000, 10)
	cents := 100_000 + random>>32%900_000
	dst = strconv.AppendUint(append(dst, `","amount":`...), cents/100, 10)
	dst = append(dst, '.', '0'+byte(cents/10%10), '0'+byte(cents%10))
	dst = append(dst, `,"note":"`...)
	for missing := size - len(tail) - (len(dst) - begin); missing > 0; {
		random = mix(random + golden)
		for word := random; missing > 0 && word > 0x3f; word >>= 6 {
			dst = append(dst, letters[word&0x3f])
			missing--
		}
	}
	return append(dst, tail...)
}

// topicNames returns n different names, as the services of a shop would use.
func topicNames(n int) []string {
	names := [...]string{
		"user_login", "page_view", "order_created", "order_paid", "order_shipped",
		"cart_updated", "search_performed", "email_sent", "stock_changed", "user_logout",
	}
	topics := make([]string, n)
	for i := range topics {
		topics[i] = names[i%len(names)]
		if round := i / len(names); round > 0 {
			topics[i] += "_" + strconv.Itoa(round+1)
		}
	}
	return topics
}
