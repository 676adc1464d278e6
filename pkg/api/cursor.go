package api

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// Cursor is the position and the direction in which a reader of GET /events continues.
// Its text form is opaque: a client sends back what it received.
type Cursor struct {
	// Newer means that the reader wants the events stored after Position;
	// otherwise those before it.
	Newer    bool
	Position store.Position
}

var errCursor = errors.New("invalid cursor")

// String returns the text form, safe in a URL.
func (c Cursor) String() string {
	direction := "o"
	if c.Newer {
		direction = "n"
	}
	return base64.RawURLEncoding.EncodeToString([]byte(direction + c.Position.String()))
}

// ParseCursor reads the text form. It accepts only what [Cursor.String] returns.
func ParseCursor(text string) (Cursor, error) {
	plain, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(plain) == 0 || (plain[0] != 'o' && plain[0] != 'n') {
		return Cursor{}, errCursor
	}
	c := Cursor{Newer: plain[0] == 'n'}
	if err := c.Position.UnmarshalText(plain[1:]); err != nil || c.String() != text { // base64 skips line breaks
		return Cursor{}, errCursor
	}
	return c, nil
}

// DuplicateCursor is the row of GET /duplicates after which a reader continues: the rows
// are ordered by the time of the latest duplicate. Its text form is opaque, too.
type DuplicateCursor struct {
	LastSeen       time.Time
	Topic, EventID string
}

// String returns the text form, safe in a URL.
func (c DuplicateCursor) String() string {
	plain := "d" + strconv.FormatInt(c.LastSeen.UnixMicro(), 10) + "\n" + c.Topic + "\n" + c.EventID
	return base64.RawURLEncoding.EncodeToString([]byte(plain))
}

// ParseDuplicateCursor reads the text form. It accepts only what
// [DuplicateCursor.String] returns.
func ParseDuplicateCursor(text string) (DuplicateCursor, error) {
	plain, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return DuplicateCursor{}, errCursor
	}
	const parts = 3
	part := strings.SplitN(string(plain), "\n", parts)
	if len(part) != parts || part[1] == "" || part[2] == "" {
		return DuplicateCursor{}, errCursor
	}
	micros, err := strconv.ParseInt(strings.TrimPrefix(part[0], "d"), 10, 64)
	c := DuplicateCursor{LastSeen: time.UnixMicro(micros).UTC(), Topic: part[1], EventID: part[2]}
	if err != nil || c.String() != text {
		return DuplicateCursor{}, errCursor
	}
	return c, nil
}

// TopicCursor is the row of GET /stats/topics after which a reader continues: the rows
// are ordered by received events, then by topic. Its text form is opaque, too.
type TopicCursor struct {
	Received int64
	Topic    string
}

// String returns the text form, safe in a URL.
func (c TopicCursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte("t" + strconv.FormatInt(c.Received, 10) + " " + c.Topic))
}

// ParseTopicCursor reads the text form. It accepts only what [TopicCursor.String]
// returns.
func ParseTopicCursor(text string) (TopicCursor, error) {
	plain, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return TopicCursor{}, errCursor
	}
	number, topic, _ := strings.Cut(strings.TrimPrefix(string(plain), "t"), " ")
	received, err := strconv.ParseInt(number, 10, 64)
	c := TopicCursor{Received: received, Topic: topic}
	if err != nil || topic == "" || c.String() != text {
		return TopicCursor{}, errCursor
	}
	return c, nil
}
