package codec_test

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

func ExampleDecode() {
	e, err := codec.Decode([]byte(`{"topic": "login", "event_id": "1", "timestamp": "2025-12-19 19:00+07:00",
		"source": "web-1", "payload": {"price": 1.50}}`))
	fmt.Println(e.Key(), e.Timestamp, e.Payload, err)
	// Output: {login 1} 2025-12-19 12:00:00 +0000 UTC {"price":1.50} <nil>
}

// An invalid event is returned with every field error at once.
func ExampleDecode_invalid() {
	_, err := codec.Decode([]byte(`{"topic": "", "timestamp": "yesterday", "source": "web-1", "payload": {}}`))
	if invalid, ok := errors.AsType[*event.InvalidError](err); ok {
		for _, field := range invalid.Fields {
			fmt.Println(field.Field, field.Message)
		}
	}
	// Output:
	// topic must not be empty or only white space
	// event_id is required
	// timestamp must be an ISO 8601 date and time such as 2025-12-19T12:00:00Z
}

// A line that is too long does not end reading.
func ExampleLineReader() {
	lines := codec.NewLineReader(strings.NewReader("first\n\n"+strings.Repeat("x", 100)+"\nlast\n"), 10)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		fmt.Printf("%d %q %v\n", lines.Number(), line, err)
	}
	// Output:
	// 1 "first" <nil>
	// 3 "" is too long: at most 10 bytes are allowed
	// 4 "last" <nil>
}
