package loadgen

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// verified sends a generated run and verifies it.
func verified(t *testing.T, target *memoryStore, g *Generator, o VerifyOptions, corrupt func()) Proof {
	t.Helper()
	ledger := &Ledger{}
	report, err := New(target, g.Source(), Options{Ledger: ledger, BatchSize: 2, Concurrency: 1}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if corrupt != nil {
		corrupt()
	}
	proof, err := Verify(t.Context(), report.Counts, ledger, g, target, o)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func thousand(t *testing.T) *Generator {
	t.Helper()
	return mustGenerator(t, GeneratorOptions{Count: 1000, DupRate: 0.3, Seed: 9})
}

func wantProof(t *testing.T, got Proof, want Proof) {
	t.Helper()
	got.Offenders = nil
	want.Offenders = nil
	if got.Holds != want.Holds || got.Keys != want.Keys || got.Stored != want.Stored || got.Duplicate != want.Duplicate ||
		got.StoredBefore != want.StoredBefore || got.OtherContent != want.OtherContent ||
		got.LostResponses != want.LostResponses || got.StoredQueued != want.StoredQueued || got.Violations != want.Violations {
		t.Errorf("proof\n got %+v\nwant %+v", got, want)
	}
}

func TestVerify_CorrectStore(t *testing.T) {
	t.Parallel()
	proof := verified(t, newMemoryStore(), thousand(t), VerifyOptions{}, nil)
	wantProof(t, proof, Proof{Holds: true, Keys: 700, Stored: 700, Duplicate: 300})
	if proof.Repeats() != 300 {
		t.Errorf("%d repeats", proof.Repeats())
	}
}

func TestVerify_SecondRun(t *testing.T) {
	t.Parallel()
	target := newMemoryStore()
	half := mustGenerator(t, GeneratorOptions{Count: 300, Seed: 9})
	verified(t, target, half, VerifyOptions{}, nil)
	newest := target.newest()
	proof := verified(t, target, thousand(t), VerifyOptions{Newest: newest}, nil)
	wantProof(t, proof, Proof{Holds: true, Keys: 700, Stored: 400, Duplicate: 600, StoredBefore: 300})
	// A run with the same keys but other content: the first content stays.
	other := mustGenerator(t, GeneratorOptions{Count: 1000, DupRate: 0.3, Seed: 9, Source: "other"})
	proof = verified(t, target, other, VerifyOptions{Newest: target.newest()}, nil)
	wantProof(t, proof, Proof{Holds: true, Keys: 700, Duplicate: 1000, StoredBefore: 700, OtherContent: 700})
}

func TestVerify_FindsWrongOutcomes(t *testing.T) {
	t.Parallel()
	g := thousand(t)
	target := func(edit func(*memoryStore)) *memoryStore {
		s := newMemoryStore()
		edit(s)
		return s
	}
	replace := func(from, to event.Outcome) func(int, []event.Event, []event.Outcome) ([]event.Outcome, error) {
		changed := false
		return func(number int, _ []event.Event, outcomes []event.Outcome) ([]event.Outcome, error) {
			for i := range outcomes {
				if !changed && number > 100 && outcomes[i] == from {
					outcomes[i] = to
					changed = true
				}
			}
			return outcomes, nil
		}
	}
	tests := map[string]struct {
		target  *memoryStore
		after   func(*memoryStore)
		want    Proof
		problem string
	}{
		"one event is lost": {
			newMemoryStore(), func(s *memoryStore) { delete(s.records, g.Key(123)) },
			Proof{Keys: 700, Stored: 700, Duplicate: 300, Violations: 1}, ProblemMissing,
		},
		"a repeat returns success": {
			target(func(s *memoryStore) { s.after = replace(event.Duplicate, event.Stored) }), nil,
			Proof{Keys: 700, Stored: 701, Duplicate: 299, Violations: 1}, ProblemTwice,
		},
		"a key stored before returns success": {
			newMemoryStore(), func(s *memoryStore) {
				s.change(g.Key(9), func(r *store.Record) { r.CreatedAt = beforeTheRun().Add(-time.Microsecond) })
			},
			Proof{Keys: 700, Stored: 700, Duplicate: 300, Violations: 1}, ProblemBefore,
		},
		"a payload is changed": {
			newMemoryStore(), func(s *memoryStore) {
				s.change(g.Key(5), func(r *store.Record) { r.Payload = `{"seq":6}` })
			},
			Proof{Keys: 700, Stored: 700, Duplicate: 300, Violations: 1}, ProblemContent,
		},
		"a timestamp loses its fraction": {
			newMemoryStore(), func(s *memoryStore) {
				s.change(g.Key(699), func(r *store.Record) { r.Timestamp = r.Timestamp.Add(-time.Microsecond) })
			},
			Proof{Keys: 700, Stored: 700, Duplicate: 300, Violations: 1}, ProblemContent,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proof := verified(t, test.target, g, VerifyOptions{Newest: beforeTheRun()}, func() {
				if test.after != nil {
					test.after(test.target)
				}
			})
			wantProof(t, proof, test.want)
			if len(proof.Offenders) != 1 || proof.Offenders[0].Problem != test.problem {
				t.Errorf("offenders %+v, want %q", proof.Offenders, test.problem)
			}
		})
	}
}

// beforeTheRun returns a time before all events of a test.
func beforeTheRun() time.Time { return time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC) }

func TestVerify_FindsEventsThatNoAppendStored(t *testing.T) {
	t.Parallel()
	g := mustGenerator(t, GeneratorOptions{Count: 100, Seed: 4})
	target := newMemoryStore()
	target.after = func(_ int, _ []event.Event, outcomes []event.Outcome) ([]event.Outcome, error) {
		for i := range outcomes {
			outcomes[i] = event.Duplicate // stores all, but returns duplicate
		}
		return outcomes, nil
	}
	proof := verified(t, target, g, VerifyOptions{Newest: target.newest()}, nil)
	wantProof(t, proof, Proof{Keys: 100, Duplicate: 100, Violations: 100})
	if len(proof.Offenders) != MaxOffenders {
		t.Fatalf("%d offenders named", len(proof.Offenders))
	}
	for i, o := range proof.Offenders {
		if key := g.Key(int64(i)); o.Problem != ProblemNoSuccess || o.EventID != key.ID || o.Topic != key.Topic {
			t.Errorf("offender %d is %+v, want %v", i, o, key)
		}
	}
}

func TestVerify_CountsLostResponses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := newMemoryStore()
		target.after = func(number int, _ []event.Event, outcomes []event.Outcome) ([]event.Outcome, error) {
			if number%10 == 1 {
				return nil, store.ErrUnavailable
			}
			return outcomes, nil
		}
		proof := verified(t, target, thousand(t), VerifyOptions{}, nil)
		if !proof.Holds || proof.LostResponses == 0 || proof.Stored+proof.LostResponses != 700 || proof.StoredBefore != 0 {
			t.Errorf("proof %+v", proof)
		}
	})
}

func TestVerify_ComparesStoredVersionOfFile(t *testing.T) {
	t.Parallel()
	text := strings.Join([]string{eventLine("a", `{"v":1}`), eventLine("a", `{"v":2}`), eventLine("b", `{"v":3}`)}, "\n")
	tests := map[string]struct {
		stored string
		first  int // the line that returns success
		holds  bool
	}{
		"the first line won and is stored":      {`{"v":1}`, 0, true},
		"the second line won and is stored":     {`{"v":2.0}`, 1, true},
		"the first line won, but was replaced":  {`{"v":2}`, 0, false},
		"the second line won, but is not there": {`{"v":1}`, 1, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := NewFile(strings.NewReader(text), FileOptions{Remember: true})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			target := newMemoryStore()
			target.after = func(number int, _ []event.Event, _ []event.Outcome) ([]event.Outcome, error) {
				if number == 3 || number-1 == test.first {
					return []event.Outcome{event.Stored}, nil
				}
				return []event.Outcome{event.Duplicate}, nil
			}
			ledger := &Ledger{}
			report, err := New(target, f, Options{Concurrency: 1, Ledger: ledger}).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			target.change(event.Key{Topic: "t", ID: "a"}, func(r *store.Record) { r.Payload = test.stored })
			proof, err := Verify(t.Context(), report.Counts, ledger, f, target, VerifyOptions{})
			if err != nil || proof.Holds != test.holds || proof.Keys != 2 {
				t.Errorf("proof %+v, %v", proof, err)
			}
		})
	}
}

// flakyReader returns errors first.
type flakyReader struct {
	*memoryStore
	errs []error
}

func (r *flakyReader) Event(ctx context.Context, key event.Key) (store.Record, error) {
	if len(r.errs) > 0 {
		err := r.errs[0]
		r.errs = r.errs[1:]
		return store.Record{}, err
	}
	return r.memoryStore.Event(ctx, key)
}

func TestVerify_RetriesForLimitedTime(t *testing.T) {
	t.Parallel()
	down := &store.RetryError{Err: store.ErrUnavailable, After: 4 * time.Second}
	tests := map[string]struct {
		errs []error
		want error
		took time.Duration
	}{
		"a store that recovers":          {[]error{down, down}, nil, 8 * time.Second},
		"a store that stays unavailable": {[]error{down, down, down, down}, store.ErrUnavailable, 8 * time.Second},
		"a permanent error":              {[]error{store.ErrClosed}, store.ErrClosed, 0},
		"an available store":             {nil, nil, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				target, ledger := newMemoryStore(), &Ledger{}
				g := mustGenerator(t, GeneratorOptions{Count: 10})
				report, err := New(target, g.Source(), Options{Ledger: ledger}).Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				proof, err := Verify(t.Context(), report.Counts, ledger, g, &flakyReader{target, test.errs},
					VerifyOptions{Concurrency: 1, RetryFor: 10 * time.Second, Jitter: noBackoff})
				if !errors.Is(err, test.want) || proof.Holds != (test.want == nil) {
					t.Errorf("holds %v, error %v, want %v", proof.Holds, err, test.want)
				}
				if took := time.Since(began); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
			})
		})
	}
}

func TestLedger_KeepsKeysApart(t *testing.T) {
	t.Parallel()
	var l Ledger
	if l.size() != 0 {
		t.Fatal("an empty ledger has a size")
	}
	indexes := []int64{0, 1, 7, 8, keysPerPage - 1, keysPerPage, 5*keysPerPage + 3}
	for _, index := range indexes {
		l.record(Ref{Index: index}, event.Stored)
	}
	l.record(Ref{Index: 7, Version: 2}, event.Stored)
	l.record(Ref{Index: 8}, event.Duplicate)
	l.record(Ref{Index: 9}, event.Rejected)
	l.recordUnknown(Ref{Index: 1})
	want := map[int64]uint32{7: wasStored | wasStoredTwice, 8: wasStored | wasDuplicate, 1: wasStored | wasUnknown}
	for index := range l.size() {
		expected, special := want[index]
		if !special && slices.Contains(indexes, index) {
			expected = wasStored
		}
		if got := l.flags(index); got != expected {
			t.Errorf("key %d has %04b, want %04b", index, got, expected)
		}
	}
	if l.winner(7) != 2 || l.winner(0) != 0 {
		t.Error("the stored version is lost")
	}
}

func TestProof_WriteText(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		proof Proof
		want  string
	}{
		"a fresh run": {
			Proof{Holds: true, Keys: 14000, Stored: 14000, Duplicate: 6000},
			`verify: proven
  14,000 keys got a response, none returned success more than once
  14,000 keys were read back, all are stored as first sent
  success: 14,000 = 14,000 keys
  ignored: 6,000 = 6,000 repeats
`,
		},
		"a run with everything": {
			Proof{Holds: true, Keys: 100, Stored: 60, Duplicate: 90, StoredBefore: 30, OtherContent: 5, LostResponses: 10},
			`verify: proven
  100 keys got a response, none returned success more than once
  95 keys were read back, all are stored as first sent
  30 keys were stored before this run and returned ignored
  5 of these have different content, because the first content stays
  10 keys were stored by requests whose response was lost; the retry returned ignored
  success: 60 = 100 keys − 30 stored before − 10 lost responses
  ignored: 90 = 50 repeats + 40 for keys that were stored before
`,
		},
		"a run without responses": {Proof{}, "verify: no event was accepted, so nothing is proven\n"},
		"a violation": {
			Proof{Keys: 10, Stored: 11, Duplicate: 1, Violations: 3, Offenders: []Offender{{Topic: "t", EventID: "i", Problem: ProblemTwice}}},
			`verify: FAILED
  10 keys were read back, 3 violations
  success: 11 ≠ 10 keys
  ignored: 1 ≠ 2 repeats
  topic "t" event_id "i" returned success more than once
  and 2 more
`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := test.proof.WriteText(&out); err != nil || out.String() != test.want {
				t.Errorf("%v\n got:\n%s\nwant:\n%s", err, out.String(), test.want)
			}
		})
	}
}
