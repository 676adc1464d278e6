package export_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/export"
	"github.com/eventagg/eventagg/pkg/store"
)

// names returns the names in a folder.
func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestOpen_RejectsBrokenLinkAtOnce(t *testing.T) {
	t.Parallel()
	for _, replace := range []bool{false, true} {
		folder := t.TempDir()
		link := filepath.Join(folder, "link")
		if err := os.Symlink(filepath.Join(folder, "none"), link); err != nil {
			t.Fatal(err)
		}
		if _, err := export.Open(link, replace); !errors.Is(err, export.ErrBrokenLink) {
			t.Errorf("with replace %v: %v", replace, err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 || len(names(t, folder)) != 1 {
			t.Errorf("left are %v, %v", names(t, folder), err)
		}
	}
}

func TestFile_KeepsFileCreatedMeanwhile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "events")
	f, err := export.Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = f.Commit()
	f.Discard()
	text, _ := os.ReadFile(path)
	if !errors.Is(err, export.ErrExists) || string(text) != "new" || len(names(t, folder)) != 1 {
		t.Errorf("%v, the file is %q, left are %v", err, text, names(t, folder))
	}
}

func TestAppendLine_WritesPayloadOnOneLine(t *testing.T) {
	t.Parallel()
	record := store.Record{Event: event.Event{Topic: "t", ID: "1", Source: "s", Payload: "{\r\n \"n\": 1.50,\n\"s\": \"a b\"}"}, CreatedAt: time.Unix(0, 0)}
	if line := string(export.AppendLine(nil, record)); strings.Count(line, "\n") != 1 || !strings.Contains(line, `"payload":{"n":1.50,"s":"a b"},`) {
		t.Errorf("wrote %q", line)
	}
}

func TestFile_IsForOwnerOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events")
	f, err := export.Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}
