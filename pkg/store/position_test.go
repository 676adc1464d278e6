package store_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/store"
)

func positions() *rapid.Generator[store.Position] {
	return rapid.Custom(func(t *rapid.T) store.Position {
		return store.Position{
			Tick:        rapid.Uint64Range(0, math.MaxInt64).Draw(t, "tick"),
			Commit:      rapid.Uint64Range(0, math.MaxInt64).Draw(t, "commit"),
			Seq:         rapid.Uint32Range(0, math.MaxInt32).Draw(t, "seq"),
			Fingerprint: rapid.Uint32().Draw(t, "fingerprint"),
		}
	})
}

func TestPosition_TextForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]store.Position{
		"0.0":                  {},
		"0.1":                  {Seq: 1},
		"a.0":                  {Commit: 10},
		"10.zz":                {Commit: 36, Seq: 1295},
		"1y2p0ij32e8e7.zik0zj": {Commit: math.MaxInt64, Seq: math.MaxInt32},
		"a.1.2s":               {Commit: 10, Seq: 1, Fingerprint: 100},
		"0.0.1z141z3":          {Fingerprint: math.MaxUint32},
		"1-0.0":                {Tick: 1},
		"a-10.zz.2s":           {Tick: 10, Commit: 36, Seq: 1295, Fingerprint: 100},
		"1y2p0ij32e8e7-1.1":    {Tick: math.MaxInt64, Commit: 1, Seq: 1},
	} {
		var got store.Position
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s is read as %+v, %v, want %+v", text, got, err, want)
		}
		if got := want.String(); got != text {
			t.Errorf("%+v is written as %s, want %s", want, got, text)
		}
	}
}

func TestPosition_RejectsOtherTexts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text string }{
		{"nothing", ""},
		{"one number", "1"},
		{"no commit", ".1"},
		{"no seq", "1."},
		{"four numbers", "1.2.3.4"},
		{"no fingerprint after a second dot", "1.2."},
		{"a fingerprint of zero", "1.2.0"},
		{"a leading zero of the fingerprint", "1.2.03"},
		{"a fingerprint above its maximum", "1.2.1z141z4"},
		{"capitals", "A.1"},
		{"a leading zero", "01.1"},
		{"a leading zero of seq", "1.01"},
		{"a plus", "+1.1"},
		{"no tick", "-1.1"},
		{"a tick of zero", "0-1.1"},
		{"a leading zero of the tick", "01-1.1"},
		{"a tick above a signed integer", "1y2p0ij32e8e8-1.1"},
		{"two ticks", "1-2-1.1"},
		{"a tick and nothing else", "1-"},
		{"an underscore", "1_0.1"},
		{"a space", "1.1 "},
		{"another character", "1.é"},
		{"a commit above a signed integer", "1y2p0ij32e8e8.0"},
		{"a seq above a signed integer", "1.zik0zk"},
		{"a commit above all integers", strings.Repeat("z", 50) + ".1"},
	} {
		want := store.Position{Commit: 7, Seq: 7}
		got := want
		if err := got.UnmarshalText([]byte(test.text)); err == nil || got != want {
			t.Errorf("%s: %q is read as %+v, %v, want an error and no change", test.name, test.text, got, err)
		}
	}
}

func TestPosition_TextIsReadBackEqual(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := positions().Draw(t, "position")
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got store.Position
		if err := json.Unmarshal(data, &got); err != nil || got != want {
			t.Fatalf("%s is read as %+v, %v, want %+v", data, got, err, want)
		}
	})
}

func TestPosition_OrderIsByCommitThenSeq(t *testing.T) {
	t.Parallel()
	ordered := []store.Position{{}, {Seq: 1}, {Seq: math.MaxUint32}, {Commit: 1}, {Commit: 1, Seq: 1}, {Commit: 2}, {Commit: math.MaxUint64}}
	if !slices.IsSortedFunc(ordered, store.Position.Compare) {
		t.Errorf("%v are not in order", ordered)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := positions().Draw(t, "a"), positions().Draw(t, "b")
		sameData := b
		sameData.Fingerprint = a.Fingerprint
		if a.Compare(b) != -b.Compare(a) || (a.Compare(b) == 0) != (a == sameData) {
			t.Fatalf("%v compared with %v is %d, the other way round %d", a, b, a.Compare(b), b.Compare(a))
		}
	})
}

func TestPosition_IsZero(t *testing.T) {
	t.Parallel()
	if !(store.Position{}).IsZero() || (store.Position{Seq: 1}).IsZero() || (store.Position{Commit: 1}).IsZero() {
		t.Error("the zero position and no other must be zero")
	}
}

func TestPosition_CheckComparesFingerprints(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 12, 19, 12, 0, 0, 123456000, time.UTC)
	for _, test := range []struct {
		name               string
		fingerprint, found uint32
		rejected           bool
	}{
		{"the same event is there", store.FingerprintOf(at), store.FingerprintOf(at.In(time.FixedZone("", 3600))), false},
		{"an event one microsecond later is there", store.FingerprintOf(at), store.FingerprintOf(at.Add(time.Microsecond)), true},
		{"there is no event", store.FingerprintOf(at), 0, true},
		{"the fingerprint is unknown", 0, store.FingerprintOf(at), false},
		{"there was no event, and there is none now", 0, 0, false},
	} {
		if err := (store.Position{Commit: 1, Fingerprint: test.fingerprint}).Check(test.found); errors.Is(err, store.ErrForeignPosition) != test.rejected {
			t.Errorf("%s: %v, want rejected %v", test.name, err, test.rejected)
		}
	}
	if store.FingerprintOf(time.UnixMicro(0)) == 0 || store.FingerprintOf(time.UnixMicro(1<<32)) == 0 {
		t.Error("an event's fingerprint is 0, which means unknown")
	}
}

func FuzzPosition(f *testing.F) {
	for _, seed := range []string{"0.0", "1.2.3", "1.2.0", "1y2p0ij32e8e7.zik0zj", "01.1", "A.1", "1_0.1", "", ".", "1..1", "-1.1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got store.Position
		if err := got.UnmarshalText([]byte(text)); err != nil {
			if !got.IsZero() {
				t.Fatalf("%q is rejected (%v) and changes the position to %v", text, err, got)
			}
			return
		}
		if got.String() != text || got.Commit > math.MaxInt64 || got.Seq > math.MaxInt32 {
			t.Fatalf("%q is read as %+v and written as %s", text, got, got)
		}
	})
}
