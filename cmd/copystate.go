package cmd

import (
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/store/sqlite"
	"github.com/eventagg/eventagg/pkg/terminal"
)

// copyState is the progress of a backup or restore.
type copyState struct {
	begin time.Time

	mu  sync.Mutex
	now sqlite.BackupProgress
}

// newCopyState starts with the size of the file, because a bar needs a total.
func newCopyState(from string) *copyState {
	return &copyState{begin: time.Now(), now: sqlite.BackupProgress{Total: fileSize(from)}}
}

func (s *copyState) set(now sqlite.BackupProgress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

func (s *copyState) frame() terminal.Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	return terminal.CopyFrame(s.now.Copied, s.now.Total, s.now.Checking, time.Since(s.begin))
}
