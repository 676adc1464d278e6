package cmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/export"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestExport_ParsesArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	noon := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		args []string
		want exportOptions
	}{
		"nothing": {nil, exportOptions{client: config.Client{URL: "http://127.0.0.1:8000"}, format: "table", out: "-"}},
		"everything": {
			[]string{"--since=2025-12-19T12:00Z", "--until=2025-12-19T13:00Z", "--topic=t", "--source=s", "--out=x.gz", "--force", "-o=json", "--url=http://h:1"},
			exportOptions{
				client: config.Client{URL: "http://h:1"}, format: "json", out: "x.gz", force: true,
				flags:  filterFlags{topic: "t", source: "s", since: "2025-12-19T12:00Z", until: "2025-12-19T13:00Z"},
				filter: store.Filter{Topic: "t", Source: "s", Since: noon, Until: noon.Add(time.Hour)},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := parse(t, (*app).newExportCmd, row.args...); err != nil || got != row.want {
				t.Errorf("error %v, options\n%+v, expected\n%+v", err, got, row.want)
			}
		})
	}
}

// exporting is a server that exports pages and then returns err.
type exporting struct {
	pages [][]store.Record
	err   error
	wait  time.Duration // between pages
}

func (e exporting) Totals(context.Context) (api.Stats, error) {
	return api.Stats{Stored: 5, Kept: 4}, nil
}

func (e exporting) TopicStats(context.Context, store.TopicQuery) ([]store.TopicStats, error) {
	return []store.TopicStats{{Topic: "t", Stored: 2}}, nil
}

func (e exporting) Export(ctx context.Context, _ store.Filter, fn func([]store.Record) error) error {
	for _, page := range e.pages {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(e.wait):
		}
		if err := fn(page); err != nil {
			return err
		}
	}
	return e.err
}

// entries returns the names in a folder.
func entries(t *testing.T, folder string) []string {
	t.Helper()
	found, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range found {
		names = append(names, entry.Name())
	}
	return names
}

func TestExport_CompressesByExtension(t *testing.T) {
	t.Parallel()
	for ending, reader := range map[string]func(io.Reader) (io.Reader, error){
		"ndjson": func(r io.Reader) (io.Reader, error) { return r, nil },
		"gz":     func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zst":    func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
	} {
		t.Run(ending, func(t *testing.T) {
			t.Parallel()
			a, out, _ := testApp()
			path := filepath.Join(t.TempDir(), "events."+ending)
			target := exporting{pages: [][]store.Record{twoRecords(), twoRecords()}}
			if err := a.export(t.Context(), target, exportOptions{out: path, format: "table"}, &exportState{}); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(out.String(), "exported 4 events to "+path+" (") {
				t.Errorf("wrote %q", out)
			}
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			plain, err := reader(file)
			if err != nil {
				t.Fatal(err)
			}
			var want []byte
			for _, r := range append(twoRecords(), twoRecords()...) {
				want = append(want, export.AppendLine(nil, r)...)
			}
			if got, err := io.ReadAll(plain); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v, it holds\n%s", err, got)
			}
		})
	}
}

func TestExport_LeavesNothingIfItFails(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"interrupted":            context.Canceled,
		"another server":         store.ErrForeignPosition,
		"connection lost":        &client.ConnectionError{Server: "http://h:1", Err: syscall.ECONNREFUSED},
		"rejected by the server": &client.ResponseError{Status: 422},
	} {
		for _, ending := range []string{"ndjson", "gz", "zst"} {
			a, out, _ := testApp()
			folder := t.TempDir()
			target := exporting{pages: [][]store.Record{twoRecords()}, err: err}
			got := a.export(t.Context(), target, exportOptions{out: filepath.Join(folder, "events."+ending)}, &exportState{})
			if left := entries(t, folder); !errors.Is(got, err) || len(left) > 0 || out.Len() > 0 {
				t.Errorf("%s: %v, left are %v, wrote %q", name, got, left, out)
			}
		}
	}
}

func TestExport_ReplacesFileOnlyWithForce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, link := filepath.Join(folder, "events"), filepath.Join(folder, "link")
	if err := errors.Join(os.WriteFile(path, []byte("old"), 0o640), os.Chmod(path, 0o666), os.Symlink(path, link)); err != nil { // more than the umask leaves
		t.Fatal(err)
	}
	a, _, _ := testApp()
	target := exporting{pages: [][]store.Record{twoRecords()}}
	if err := a.export(t.Context(), target, exportOptions{out: path}, &exportState{}); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("without --force: %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "old" {
		t.Errorf("the file became %q", text)
	}
	if err := a.export(t.Context(), target, exportOptions{out: link, force: true}, &exportState{}); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(path)
	info, errStat := os.Lstat(path)
	if err != nil || errStat != nil || bytes.Count(text, []byte("\n")) != 2 || info.Mode() != 0o666 {
		t.Errorf("behind the link is %q, mode %v, %v", text, info.Mode(), errors.Join(err, errStat))
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 || !slices.Equal(entries(t, folder), []string{"events", "link"}) {
		t.Errorf("left are %v, %v", entries(t, folder), err)
	}
}

func TestExport_ShowsProgress(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		filter store.Filter
		want   string
	}{
		"of all":         {store.Filter{}, "2 of about 4 events, 0.8/s"},
		"of a topic":     {store.Filter{Topic: "t"}, "2 of about 2 events, 0.8/s"},
		"of a source":    {store.Filter{Source: "s"}, "2 events, 0.8/s"},
		"of a new topic": {store.Filter{Topic: "u"}, "2 events, 0.8/s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, _, errOut := testApp()
				target := exporting{pages: [][]store.Record{twoRecords(), twoRecords()}, wait: 1500 * time.Millisecond}
				if err := a.export(t.Context(), target, exportOptions{out: "-", filter: row.filter}, &exportState{}); err != nil {
					t.Fatal(err)
				}
				if lines := strings.Split(errOut.String(), "\n"); len(lines) != 4 || lines[1] != row.want || lines[2] != "exported 4 events" {
					t.Errorf("wrote %q", lines)
				}
			})
		})
	}
}
