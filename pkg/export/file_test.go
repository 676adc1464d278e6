package export_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/atomicfile"
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
		if _, err := export.Open(link, replace); !errors.Is(err, atomicfile.ErrBrokenLink) {
			t.Errorf("with replace %v: %v", replace, err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 || len(names(t, folder)) != 1 {
			t.Errorf("left are %v, %v", names(t, folder), err)
		}
	}
}

func TestAppendLine_WritesPayloadOnOneLine(t *testing.T) {
	t.Parallel()
	record := store.Record{Event: event.Event{Topic: "t", ID: "1", Source: "s", Payload: "{\r\n \"n\": 1.50,\n\"s\": \"a b\"}"}, CreatedAt: time.Unix(0, 0)}
	if line := string(export.AppendLine(nil, record)); strings.Count(line, "\n") != 1 || !strings.Contains(line, `"payload":{"n":1.50,"s":"a b"},`) {
		t.Errorf("wrote %q", line)
	}
}
