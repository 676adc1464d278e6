package codec

import (
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
)

const benchEvent = `{"topic":"user_login","event_id":"019b3c5e-7f00-7abc-8def-0123456789ab","timestamp":"2025-12-19T12:00:00Z",` +
	`"source":"web-1","payload":{"user":"u-1042","k":"v","n":12345,"nested":{"a":[1,2,3]}}}`

func BenchmarkDecode(b *testing.B) {
	d := NewDecoder()
	for name, text := range map[string]string{
		"fast": benchEvent, "strict": `{"x":1,` + benchEvent[1:],
		"unknown members": `{"trace_id":1,"user":2,"version":3,"level":4,"host":5,` + benchEvent[1:],
	} {
		b.Run(name, func(b *testing.B) {
			data := []byte(text)
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := d.Decode(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeBatch(b *testing.B) {
	d := NewDecoder()
	data := []byte("[" + strings.Repeat(benchEvent+",", 99) + benchEvent + "]")
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := d.DecodeBatch(data, BatchOptions{MaxEvents: 100, MaxEventBytes: 1 << 20, Each: func(_ event.Event, err error) {
			if err != nil {
				b.Fatal(err)
			}
		}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseTime(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseTime("2025-12-19T12:30:15.123456+07:00"); err != nil {
			b.Fatal(err)
		}
	}
}
