package cmd

import (
	"context"
	"errors"
	"fmt"
)

// stack lists what was opened, to close it in reverse order. The zero value is
// empty.
type stack struct {
	closers []closer
}

type closer struct {
	name  string
	close func(context.Context) error
}

// push adds what was opened just now.
func (s *stack) push(name string, closeIt func(context.Context) error) {
	s.closers = append(s.closers, closer{name: name, close: closeIt})
}

// unwind closes everything, the latest first. If closing fails it continues, because
// the rest must be closed, too. It returns all errors.
func (s *stack) unwind(ctx context.Context) error {
	var errs []error
	for len(s.closers) > 0 {
		last := s.closers[len(s.closers)-1]
		s.closers = s.closers[:len(s.closers)-1]
		if err := last.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close the %s: %w", last.name, err))
		}
	}
	return errors.Join(errs...)
}
