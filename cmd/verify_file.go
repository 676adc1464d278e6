package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/store/audit"
)

// auditSaveInterval is the time between two writes of a file of progress. After a crash,
// the rows of this time are checked again.
const auditSaveInterval = time.Second

// auditFile is the progress of an audit, and the file that keeps it, if there is one.
type auditFile struct {
	path     string // empty for none
	database string
	state    *audit.State
	saved    time.Time

	mu                 sync.Mutex // guards what follows
	done, total, found int64
}

// auditContent is the content of the file.
type auditContent struct {
	// Version is auditVersion.
	Version  int          `json:"version"`
	Database string       `json:"database"`
	State    *audit.State `json:"state"`
}

// auditVersion is the version of the format of the file.
const auditVersion = 1

// openAuditFile reads the progress of an earlier run. An empty path means that none is
// kept.
func openAuditFile(path, database string) (*auditFile, error) {
	f := &auditFile{path: path, database: database, state: &audit.State{}}
	if path == "" {
		return f, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err := f.flush() // a folder that is missing is an error now, not after hours
		return f, err
	}
	if err != nil {
		return nil, fmt.Errorf("read the progress: %w", err)
	}
	var content auditContent
	if err := json.Unmarshal(text, &content); err != nil || content.Version != auditVersion || content.State == nil {
		return nil, withHint(fmt.Errorf("invalid file %s: it has no progress of this version of 'eventagg verify'", path),
			"Use another file for --resume. If the file is damaged, delete it: verify then starts at the beginning.")
	}
	if content.Database != database {
		return nil, withHint(fmt.Errorf("the file %s has the progress of another database: %s", path, content.Database),
			"Use another file for --resume.")
	}
	f.state = content.State
	return f, nil
}

// save notes the progress, and writes it to the file now and then.
func (f *auditFile) save(state *audit.State) error {
	f.mu.Lock()
	f.done, f.total = state.Rows()
	f.found = state.Differences()
	f.mu.Unlock()
	if time.Since(f.saved) < auditSaveInterval {
		return nil
	}
	return f.flush()
}

// flush writes the progress to the file.
func (f *auditFile) flush() error {
	if f.path == "" {
		return nil
	}
	f.saved = time.Now()
	text, err := json.Marshal(auditContent{Version: auditVersion, Database: f.database, State: f.state})
	if err == nil {
		err = replaceFile(f.path, string(text)+"\n")
	}
	if err != nil {
		return fmt.Errorf("write the progress: %w", err)
	}
	return nil
}

// remove deletes the file after a complete audit.
func (f *auditFile) remove() error {
	if f.path == "" {
		return nil
	}
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete the progress: %w", err)
	}
	return nil
}

// sizes returns how many rows are checked, about how many there are, and the number of
// differences.
func (f *auditFile) sizes() (done, total, found int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done, f.total, f.found
}
