package queue_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/eventagg/eventagg/pkg/store"
)

// log collects lines.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is what was logged so far.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *log) lines() int { return strings.Count(l.String(), "\n") }

func (l *log) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// away is the error of a server that nobody reaches.
func away() error { return fmt.Errorf("append: %w", store.ErrUnavailable) }
