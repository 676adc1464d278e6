package cmd

import (
	"context"
	"errors"
	"slices"
	"testing"
)

func TestStack_ClosesInReverseDespiteErrors(t *testing.T) {
	t.Parallel()
	var (
		s      stack
		order  []string
		broken = errors.New("broken")
	)
	for _, name := range []string{"store", "ingest", "server"} {
		s.push(name, func(context.Context) error {
			order = append(order, name)
			if name == "store" {
				return nil
			}
			return broken
		})
	}
	err := s.unwind(t.Context())
	if want := []string{"server", "ingest", "store"}; !slices.Equal(order, want) {
		t.Errorf("closed %v, expected %v", order, want)
	}
	if want := "close the server: broken\nclose the ingest: broken"; !errors.Is(err, broken) || err.Error() != want {
		t.Errorf("error %q, expected %q", err, want)
	}
	if err := s.unwind(t.Context()); err != nil || len(order) != 3 {
		t.Errorf("a second unwind closed %v and returned %v", order, err)
	}
}
