package digest

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

func someEvent() event.Event {
	return event.Event{
		Topic: "t", ID: "i", Timestamp: time.Unix(1766145600, 0).UTC(), Source: "web-1",
		Payload: `{"user":12345,"name":"someone","nested":{"a":[1,2,3],"b":"` + strings.Repeat("x", 40) + `"},"more":"` + strings.Repeat("y", 40) + `"}`,
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	with := func(change func(*event.Event)) event.Event {
		e := someEvent()
		change(&e)
		return e
	}
	payload := func(text string) event.Event { return with(func(e *event.Event) { e.Payload = text }) }
	for name, row := range map[string]struct {
		a, b                 event.Event
		sameDigest, sameText bool
	}{
		"the same event":             {someEvent(), someEvent(), true, true},
		"the key does not count":     {someEvent(), with(func(e *event.Event) { e.Topic, e.ID = "other", "other" }), true, true},
		"another time":               {someEvent(), with(func(e *event.Event) { e.Timestamp = e.Timestamp.Add(time.Microsecond) }), false, false},
		"another source":             {someEvent(), with(func(e *event.Event) { e.Source = "web-2" }), false, false},
		"source and payload move":    {with(func(e *event.Event) { e.Source, e.Payload = "a{", "}" }), with(func(e *event.Event) { e.Source, e.Payload = "a", "{}" }), false, false},
		"another payload":            {someEvent(), payload(`{}`), false, false},
		"the order of members":       {payload(`{"a":1,"b":{"c":2,"d":3}}`), payload(`{"b":{"d":3,"c":2},"a":1}`), false, true},
		"the order of an array":      {payload(`{"a":[1,2]}`), payload(`{"a":[2,1]}`), false, false},
		"the spelling of a string":   {payload(`{"a":"\u0041\/"}`), payload(`{"a":"A/"}`), false, true},
		"the spelling of a number":   {payload(`{"a":1.50}`), payload(`{"a":15e-1}`), false, true},
		"the last digit of 64 bits":  {payload(`{"a":9223372036854775807}`), payload(`{"a":9223372036854775806}`), false, false},
		"a number and its text":      {payload(`{"a":1}`), payload(`{"a":"1"}`), false, false},
		"null and a missing member":  {payload(`{"a":null}`), payload(`{}`), false, false},
		"composed and decomposed":    {payload(`{"a":"é"}`), payload("{\"a\":\"e\u0301\"}"), false, false},
		"a name in another spelling": {payload(`{"\u0061":1}`), payload(`{"a":1}`), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c Computer
			if got := c.Of(&row.a) == c.Of(&row.b); got != row.sameDigest {
				t.Errorf("the digests are equal: %v, want %v", got, row.sameDigest)
			}
			if got, back := Same(&row.a, &row.b), Same(&row.b, &row.a); got != row.sameText || back != got {
				t.Errorf("the contents are the same: %v and %v, want %v", got, back, row.sameText)
			}
		})
	}
}

// TestOf_NeverChanges has a digest that a store may have.
func TestOf_NeverChanges(t *testing.T) {
	t.Parallel()
	e := someEvent()
	got := new(Computer).Of(&e)
	if want := "857a63fbdcf714fa3273b58741d219c8"; hex.EncodeToString(got[:]) != want {
		t.Errorf("the digest is %x, want %s", got, want)
	}
}

func BenchmarkOf(b *testing.B) {
	e := someEvent()
	var c Computer
	b.ReportAllocs()
	for b.Loop() {
		c.Of(&e)
	}
}
