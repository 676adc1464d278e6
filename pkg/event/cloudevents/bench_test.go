package cloudevents_test

import (
	"testing"

	"github.com/eventagg/eventagg/pkg/event/cloudevents"
)

const attributes = `"time":"2018-04-05T17:31:00Z","subject":"s","datacontenttype":"application/json","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"`

func BenchmarkStructured(b *testing.B) {
	data := []byte(text(attributes + `,"data":{"k":"v","n":[1,2.5,true]}`))
	d := cloudevents.NewDecoder()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Structured(data, arrival()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBinary(b *testing.B) {
	header := headers("ce-time", "2018-04-05T17:31:00Z", "ce-subject", "s", "content-type", "application/json",
		"ce-traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	body := []byte(`{"k":"v","n":[1,2.5,true]}`)
	d := cloudevents.NewDecoder()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Binary(header, body, arrival()); err != nil {
			b.Fatal(err)
		}
	}
}
