package follow

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// limited is memory for a number of long events.
type limited struct{ free, taken int }

func (l *limited) use(bytes int64) error {
	n := 1
	if bytes < 0 {
		n = -1
	}
	if l.free < n {
		return fmt.Errorf("memory: %w", store.ErrOverloaded)
	}
	l.free, l.taken = l.free-n, l.taken+n
	return nil
}

// TestFollower_LongEventsTakeMemory has two followers, and memory for one long event.
// One of them reads it slowly; the other one waits, and misses nothing. Short events
// need no memory.
func TestFollower_LongEventsTakeMemory(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"events that are read from the store": false, "recent events": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fake, memory := &fakeStore{}, &limited{free: 1}
				h := newHub(fake, func(o *Options) {
					o.Encode = func(dst []byte, r store.Record) []byte {
						dst = encodeID(dst, r)
						if r.Topic == "few" {
							dst = append(dst, strings.Repeat(" ", 2*chunkBytes)...)
						}
						return dst
					}
				})
				if !late {
					fake.add(4) // the third one is long
				}
				var followers [2]*Follower
				for i := range followers {
					follower, err := h.Join(t.Context(), store.Filter{}, store.Position{}, memory.use)
					if err != nil {
						t.Fatal(err)
					}
					followers[i] = follower
				}
				defer followers[1].Leave()
				defer followers[0].Leave()
				if late {
					synctest.Wait()
					time.Sleep(time.Second)
					fake.add(4)
				}
				next := func(i int) string {
					text, err := followers[i].Next(t.Context(), time.Second)
					if err != nil {
						t.Fatal(err)
					}
					return strings.Join(strings.Fields(string(text)), " ")
				}
				want := func(i int, texts ...string) {
					t.Helper()
					for _, text := range texts {
						if got := next(i); got != text {
							t.Fatalf("follower %d got %q, want %q", i, got, text)
						}
					}
				}
				want(0, "1 2", "3")
				want(1, "1 2", "") // nothing within a second
				if memory.taken != 1 {
					t.Fatalf("%d long events are held", memory.taken)
				}
				want(0, "4")
				want(1, "3", "4")
				if memory.taken != 0 {
					t.Errorf("%d long events are held in the end", memory.taken)
				}
			})
		})
	}
}

// TestFollower_LeaveGivesMemoryBack: a follower may leave before it has read.
func TestFollower_LeaveGivesMemoryBack(t *testing.T) {
	t.Parallel()
	fake, memory := &fakeStore{}, &limited{free: 1}
	fake.add(3)
	h := newHub(fake, func(o *Options) {
		o.Encode = func(dst []byte, _ store.Record) []byte { return append(dst, make([]byte, 2*chunkBytes)...) }
	})
	first, err := h.Join(t.Context(), store.Filter{}, store.Position{}, memory.use)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Join(t.Context(), store.Filter{}, store.Position{}, memory.use); !errors.Is(err, store.ErrOverloaded) {
		t.Errorf("the second follower joined: %v", err)
	}
	if _, err := first.Next(context.Background(), time.Second); err != nil {
		t.Fatal(err)
	}
	first.Leave()
	if memory.free != 1 || h.Followers() != 0 {
		t.Errorf("%d places are free, %d followers remain", memory.free, h.Followers())
	}
}
