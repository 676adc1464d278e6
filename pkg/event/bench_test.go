package event

import "testing"

func BenchmarkDecode(b *testing.B) {
	data := []byte(`{"topic":"user_login","event_id":"019b3c5e-7f00-7abc-8def-0123456789ab","timestamp":"2025-12-19T12:00:00Z",` +
		`"source":"web-1","payload":{"user":"u-1042","k":"v","n":12345,"nested":{"a":[1,2,3]}}}`)
	d := NewDecoder()
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := d.Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
