package watch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"os"
	"strings"
	"time"
)

// Source is files that belong together, such as a certificate and its private key.
type Source struct {
	// Name says what the files contain: "TLS certificate".
	Name string
	// Files are the paths.
	Files []string
	// Read reads a file. Default: os.ReadFile.
	Read func(path string) ([]byte, error)
	// Apply replaces what is in use by the contents of the files, in the order of Files.
	// After an error everything must be as before.
	Apply func(contents [][]byte) error
}

// Options configure [New]. Zero fields stand for their defaults.
type Options struct {
	// Sources are the files to watch.
	Sources []Source
	// Interval is the time between two checks of the files. Default: 15 s.
	Interval time.Duration
	// ConfirmAfter is the time after which an error is checked again before it is
	// reported: files that belong together are often replaced one after the other.
	// Default: 1 s.
	ConfirmAfter time.Duration
	// Logger records each reload and each error. The default discards the records.
	Logger *slog.Logger
	// OnFailure is called with the name of a source when an error is reported. nil: no
	// calls.
	OnFailure func(name string)
}

// WithDefaults returns o with zero fields replaced by their defaults.
func (o Options) WithDefaults() Options {
	o.Interval = cmp.Or(o.Interval, 15*time.Second)
	o.ConfirmAfter = cmp.Or(o.ConfirmAfter, time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnFailure == nil {
		o.OnFailure = func(string) {}
	}
	return o
}

// Watcher loads sources. Make one with [New], then call [Watcher.Load] once, and then
// [Watcher.Run]. Its methods must not be called concurrently.
type Watcher struct {
	options Options
	sources []*state
}

// state is a source with what was last seen of it.
type state struct {
	Source

	applied  [sha256.Size]byte // digest of the contents in use
	suspect  string            // text of an error that was not reported yet, "" for none
	reported string            // text of the error that was reported last, "" for none
}

// New returns a watcher. It reads nothing yet.
func New(options Options) *Watcher {
	w := &Watcher{options: options.WithDefaults()}
	for _, source := range w.options.Sources {
		if source.Read == nil {
			source.Read = os.ReadFile
		}
		w.sources = append(w.sources, &state{Source: source})
	}
	return w
}

// LoadError is the error of [Watcher.Load].
type LoadError struct {
	// Name is that of the source with a fault.
	Name string
	// Err is the fault.
	Err error
}

// Error returns the name and the fault.
func (e *LoadError) Error() string { return e.Name + ": " + e.Err.Error() }

// Unwrap returns the fault.
func (e *LoadError) Unwrap() error { return e.Err }

// Load reads and applies every source. It returns the first fault as a [*LoadError]: when
// a program starts, a fault is final.
func (w *Watcher) Load() error {
	for _, s := range w.sources {
		if _, err := s.load(true); err != nil {
			return &LoadError{Name: s.Name, Err: err}
		}
	}
	return nil
}

// Run applies the sources whose files have changed, until ctx ends. A value from now
// applies all of them at once, changed or not. If the files of a source can't be applied,
// the contents that were applied before stay in use. The error is logged once, and the
// files are read again at the next check.
func (w *Watcher) Run(ctx context.Context, now <-chan os.Signal) {
	wait := w.options.Interval
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-now:
			timer.Stop()
			wait = w.check(true)
		case <-timer.C:
			wait = w.check(false)
		}
	}
}

// check loads every source, and returns the time until the next check.
func (w *Watcher) check(forced bool) time.Duration {
	wait := w.options.Interval
	for _, s := range w.sources {
		changed, err := s.load(forced)
		switch {
		case err != nil && !forced && s.suspect != err.Error():
			s.suspect = err.Error()
			wait = w.options.ConfirmAfter
		case err != nil && (forced || s.reported != err.Error()):
			s.suspect, s.reported = err.Error(), err.Error()
			w.options.Logger.Error("files not reloaded", slog.String("what", s.Name), slog.String("files", strings.Join(s.Files, ", ")),
				slog.Any("error", err), slog.String("consequence", "what was loaded before stays in use"))
			w.options.OnFailure(s.Name)
		case err != nil:
		case changed || s.reported != "":
			s.suspect, s.reported = "", ""
			w.options.Logger.Info("files reloaded", slog.String("what", s.Name), slog.String("files", strings.Join(s.Files, ", ")))
		default:
			s.suspect = ""
		}
	}
	return wait
}

// load applies the files if they differ from what is in use, or if it is forced.
func (s *state) load(forced bool) (changed bool, err error) {
	contents := make([][]byte, len(s.Files))
	for i, path := range s.Files {
		if contents[i], err = s.Read(path); err != nil {
			return false, err
		}
	}
	digest := digestOf(contents)
	if digest == s.applied && !forced {
		return false, nil
	}
	if err := s.Apply(contents); err != nil {
		return false, err
	}
	s.applied = digest
	return true, nil
}

// digestOf returns a digest of the contents and their lengths.
func digestOf(contents [][]byte) (digest [sha256.Size]byte) {
	hash := sha256.New()
	for _, content := range contents {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(content)))
		_, _ = hash.Write(length[:]) // never fails
		_, _ = hash.Write(content)
	}
	hash.Sum(digest[:0])
	return digest
}
