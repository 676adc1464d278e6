package postgres

import (
	"testing"
	"time"
)

// TestPools holds a connection and makes a call wait for it.
func TestPools(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Writers: 1, MaxConns: 3})
	held, err := s.writers.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := s.Pools()
	if before[0].Name != "writers" || before[0].InUse != 1 || before[0].Idle != 0 || before[0].Max != 1 {
		t.Errorf("a writer in use is %+v", before[0])
	}
	if before[1].Name != "readers" || before[1].InUse != 0 || before[1].Idle == 0 || before[1].Max != 3 {
		t.Errorf("unused readers are %+v", before[1])
	}
	const wait = 20 * time.Millisecond
	time.AfterFunc(wait, held.Release)
	if _, err := s.Append(t.Context(), someEvents("waits", 1)); err != nil {
		t.Fatal(err)
	}
	after := s.Pools()[0]
	if after.Waits != before[0].Waits+1 || after.Waited-before[0].Waited < wait/2 {
		t.Errorf("after a call that waited for %v: %+v, before: %+v", wait, after, before[0])
	}
}
