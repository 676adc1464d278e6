package sampling

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Attribute keys with a meaning to the Handler.
const (
	// KeyDependency is part of a record's identity: the same message about
	// another dependency is a record of its own.
	KeyDependency = "dependency"
	// KeyEvents is an integer that is summed over the records held.
	KeyEvents = "events"
	// KeyRepeated is added to a record that stands for several: their number.
	KeyRepeated = "repeated"
)

// Options are the settings of a Handler. The zero value has useful defaults.
type Options struct {
	// Interval is the time for which equal records are held after one was
	// written. The default is one second.
	Interval time.Duration
	// MaxInterval is the maximum of the interval, which doubles while a flood
	// goes on. The default is one minute.
	MaxInterval time.Duration
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.MaxInterval <= 0 {
		o.MaxInterval = time.Minute
	}
	return o
}

// Handler is a [slog.Handler] that samples floods. Records are equal if they
// have the same level, message and dependency. The first one is written at once.
// Equal ones within the interval are held, and at its end they are written as one
// record: the latest of them, with their number and the sum of their events.
//
// Debug records pass unchanged: an operator who enables them wants each.
type Handler struct {
	next       slog.Handler
	dependency string // set by WithAttrs
	state      *state
}

// state is shared by a Handler and those derived from it by With.
type state struct {
	options Options
	mu      sync.Mutex
	closed  bool
	floods  map[key]*flood
}

type key struct {
	level               slog.Level
	message, dependency string
}

// flood is what follows a record that was written.
type flood struct {
	interval time.Duration
	timer    *time.Timer
	held     int // number of records
	events   int64
	latest   slog.Record
	next     slog.Handler // of the latest
}

// New returns a Handler that writes to next. Close it to write what it holds.
func New(next slog.Handler, options Options) *Handler {
	return &Handler{next: next, state: &state{options: options.WithDefaults(), floods: map[key]*flood{}}}
}

// Enabled reports whether next handles records of the level.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle writes or holds a record.
func (h *Handler) Handle(ctx context.Context, record slog.Record) error {
	if record.Level < slog.LevelInfo || !h.state.hold(h, record) { //nolint:contextcheck // held records are written after the call
		return h.next.Handle(ctx, record)
	}
	return nil
}

// WithAttrs returns a Handler whose records have the attributes, too.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	derived := *h
	derived.next = h.next.WithAttrs(attrs)
	for _, attr := range attrs {
		if attr.Key == KeyDependency {
			derived.dependency = attr.Value.String()
		}
	}
	return &derived
}

// WithGroup returns a Handler that puts later attributes into a group.
func (h *Handler) WithGroup(name string) slog.Handler {
	derived := *h
	derived.next = h.next.WithGroup(name)
	return &derived
}

// Close writes what is held. Later records pass unchanged.
func (h *Handler) Close() {
	s := h.state
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for k, f := range s.floods {
		f.timer.Stop()
		f.write()
		delete(s.floods, k)
	}
}

// hold reports whether it has taken the record, because an equal one was written
// shortly before.
func (s *state) hold(h *Handler, record slog.Record) bool {
	dependency, events := h.dependency, int64(0)
	record.Attrs(func(attr slog.Attr) bool {
		switch {
		case attr.Key == KeyDependency:
			dependency = attr.Value.String()
		case attr.Key == KeyEvents && attr.Value.Kind() == slog.KindInt64:
			events = attr.Value.Int64()
		}
		return true
	})
	k := key{level: record.Level, message: record.Message, dependency: dependency}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	f, flooded := s.floods[k]
	if !flooded {
		f = &flood{interval: s.options.Interval}
		f.timer = time.AfterFunc(f.interval, func() { s.expire(k) })
		s.floods[k] = f
		return false
	}
	f.held++
	f.events += events
	f.latest, f.next = record.Clone(), h.next
	return true
}

// expire ends an interval. A flood that went on in it gets another one.
func (s *state) expire(k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.floods[k]
	if !ok || s.closed {
		return
	}
	if f.held == 0 {
		delete(s.floods, k)
		return
	}
	f.write()
	f.interval = min(2*f.interval, s.options.MaxInterval)
	f.timer.Reset(f.interval)
}

// write writes the records held as one.
func (f *flood) write() {
	if f.held == 0 {
		return
	}
	merged := f.latest
	if f.held > 1 {
		merged = slog.NewRecord(f.latest.Time, f.latest.Level, f.latest.Message, f.latest.PC)
		f.latest.Attrs(func(attr slog.Attr) bool {
			if attr.Key == KeyEvents && attr.Value.Kind() == slog.KindInt64 {
				attr = slog.Int64(KeyEvents, f.events)
			}
			merged.AddAttrs(attr)
			return true
		})
		merged.AddAttrs(slog.Int(KeyRepeated, f.held))
	}
	_ = f.next.Handle(context.Background(), merged) // the caller has returned already
	f.held, f.events = 0, 0
}
