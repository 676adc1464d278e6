package watch

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// files are the contents of files by their paths.
type files struct {
	mu    sync.Mutex
	texts map[string]string
}

// set replaces the content of files.
func (f *files) set(text string, paths ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, path := range paths {
		f.texts[path] = text
	}
}

func (f *files) remove(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.texts, path)
}

func (f *files) read(path string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, found := f.texts[path]
	if !found {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

// A pair is valid if both files have the same content.
func TestWatcher_ReplacesFilesThatBelongTogether(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		change func(f *files, hup chan<- os.Signal) // after 10 seconds
		after  time.Duration                        // since the start
		inUse  string
		logged string // "" for nothing
		count  int    // of reported faults
	}{
		{"nothing changes", func(*files, chan<- os.Signal) {}, time.Minute, "1", "", 0},
		{"both files change", func(f *files, _ chan<- os.Signal) { f.set("2", "cert", "key") }, 15 * time.Second, "2", "files reloaded", 0},
		{"the look is every 15 seconds", func(f *files, _ chan<- os.Signal) { f.set("2", "cert", "key") }, 14 * time.Second, "1", "", 0},
		{"the second file follows within the second", func(f *files, _ chan<- os.Signal) {
			f.set("2", "cert")
			time.AfterFunc(5500*time.Millisecond, func() { f.set("2", "key") })
		}, 16 * time.Second, "2", "files reloaded", 0},
		{"only one file changes", func(f *files, _ chan<- os.Signal) { f.set("2", "cert") }, 16 * time.Second, "1", "the files differ", 1},
		{"a fault is reported once", func(f *files, _ chan<- os.Signal) { f.set("2", "cert") }, time.Hour, "1", "the files differ", 1},
		{"a file is missing", func(f *files, _ chan<- os.Signal) { f.remove("key") }, time.Hour, "1", "file does not exist", 1},
		{"a fault is repaired", func(f *files, _ chan<- os.Signal) {
			f.set("2", "cert")
			time.AfterFunc(time.Minute, func() { f.set("2", "key") })
		}, time.Hour, "2", "files reloaded", 1},
		{"a fault is undone", func(f *files, _ chan<- os.Signal) {
			f.set("2", "cert")
			time.AfterFunc(time.Minute, func() { f.set("1", "cert") })
		}, time.Hour, "1", "files reloaded", 1},
		{"a signal makes it look at once", func(f *files, hup chan<- os.Signal) {
			f.set("2", "cert", "key")
			hup <- syscall.SIGHUP
		}, 10 * time.Second, "2", "files reloaded", 0},
		{"a signal reports a fault at once", func(f *files, hup chan<- os.Signal) {
			f.set("2", "cert")
			hup <- syscall.SIGHUP
		}, 10 * time.Second, "1", "the files differ", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				content, inUse := &files{texts: map[string]string{"cert": "1", "key": "1"}}, ""
				var log bytes.Buffer
				failures := 0
				w := New(Options{
					Logger: slog.New(slog.NewTextHandler(&log, nil)), OnFailure: func(string) { failures++ },
					Sources: []Source{{Name: "pair", Files: []string{"cert", "key"}, Read: content.read, Apply: func(contents [][]byte) error {
						if !bytes.Equal(contents[0], contents[1]) {
							return errors.New("the files differ")
						}
						inUse = string(contents[0])
						return nil
					}}},
				})
				if err := w.Load(); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				hup := make(chan os.Signal)
				done := make(chan struct{})
				go func() {
					defer close(done)
					w.Run(ctx, hup)
				}()
				const first = 10 * time.Second
				time.Sleep(first)
				row.change(content, hup)
				time.Sleep(row.after - first)
				synctest.Wait()
				cancel()
				<-done
				if inUse != row.inUse || failures != row.count {
					t.Errorf("%q is in use, %d faults; expected %q and %d", inUse, failures, row.inUse, row.count)
				}
				if !strings.Contains(log.String(), row.logged) || row.logged == "" && log.Len() > 0 {
					t.Errorf("logged %q", &log)
				}
			})
		})
	}
}

func TestWatcher_ReturnsFaultsAtTheStart(t *testing.T) {
	t.Parallel()
	w := New(Options{Sources: []Source{{Name: "keys", Files: []string{t.TempDir() + "/missing"}, Apply: func([][]byte) error { return nil }}}})
	if err := w.Load(); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "keys: ") {
		t.Errorf("got %v", err)
	}
}
