package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/atomicfile"
)

// saveInterval is the time between two writes of a cursor file. After a crash, the
// events of this time are shown again.
const saveInterval = 200 * time.Millisecond

// cursorFile keeps the position of a reader in a file.
type cursorFile struct {
	path string

	mu     sync.Mutex
	cursor string // the position
	saved  string // the position in the file
	failed error

	stop, stopped chan struct{}
}

// openCursorFile reads the position in a file. If the file does not exist, the
// position is empty.
func openCursorFile(path string) (*cursorFile, error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a rename would replace the link
	}
	f := &cursorFile{path: path, stop: make(chan struct{}), stopped: make(chan struct{})}
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		f.cursor = strings.TrimSpace(string(text))
		if cursor, err := api.ParseCursor(f.cursor); err != nil || !cursor.Newer {
			return nil, withHint(fmt.Errorf("invalid cursor file %s: it has no position of 'eventagg tail'", path),
				"Use another --cursor-file. If the file is damaged, delete it: tail then starts with the last events.")
		}
		f.saved = f.cursor
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read the cursor file: %w", err)
	default:
		// A missing folder is an error now, not after the first event.
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return nil, fmt.Errorf("open the cursor file: %w", err)
		}
	}
	go f.saveRegularly()
	return f, nil
}

// start returns the position to start after; empty means that there is none.
func (f *cursorFile) start() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cursor
}

// set changes the position, which is saved soon. It returns the error of an earlier
// save.
func (f *cursorFile) set(cursor string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cursor = cursor
	return f.failed
}

func (f *cursorFile) saveRegularly() {
	defer close(f.stopped)
	tick := time.NewTicker(saveInterval)
	defer tick.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-tick.C:
			f.save()
		}
	}
}

// save writes the position if it has changed. The file is replaced, so it has the
// old or the new position after a crash, never a part.
func (f *cursorFile) save() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cursor == f.saved {
		return
	}
	if err := replaceFile(f.path, f.cursor+"\n"); err != nil {
		f.failed = fmt.Errorf("write the cursor file: %w", err)
		return
	}
	f.saved, f.failed = f.cursor, nil
}

// close saves the position.
func (f *cursorFile) close() error {
	close(f.stop)
	<-f.stopped
	f.save()
	return f.failed
}

// replaceFile writes a file that exists with the old or the new content at any time.
func replaceFile(path, content string) error {
	file, err := atomicfile.Create(path, true)
	if err != nil {
		return err
	}
	defer file.Discard()
	if _, err := file.WriteString(content); err != nil {
		return file.Wrap(err)
	}
	return file.Commit()
}
