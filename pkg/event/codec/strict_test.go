package codec

import (
	"strings"
	"testing"
)

// TestDecode_UnknownMembersAreCheap: senders add members of their own, so a name that
// looks like no field must cost no allocation.
func TestDecode_UnknownMembersAreCheap(t *testing.T) {
	d := NewDecoder()
	allocations := func(members int) float64 {
		text := []byte("{" + strings.Repeat(`"trace_id":1,`, members) + benchEvent[1:])
		return testing.AllocsPerRun(100, func() {
			if _, err := d.Decode(text); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocations(1), allocations(1000); many > few+10 {
		t.Errorf("%v allocations with one unknown member, %v with 1000", few, many)
	}
}

func TestResembles_IgnoresCaseAndSeparators(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"eventId": "event_id", "EVENT-ID": "event_id", "event.id": "event_id", "_event__id_": "event_id", "eventid": "event_id", "Topic": "topic", "time_stamp": "timestamp",
		"events_id": "", "event_i": "", "event_ids": "", "": "", "_": "", "id": "", "topi": "", "topicc": "", "tópic": "",
	} {
		got := ""
		for _, field := range []string{"topic", "event_id", "timestamp", "source", "payload"} {
			if resembles([]byte(name), field) {
				got = field
			}
		}
		if got != want {
			t.Errorf("%q resembles %q, want %q", name, got, want)
		}
	}
}
