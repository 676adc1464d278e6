package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/eventagg/eventagg/pkg/atomicfile"
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

func create(t *testing.T, path string, replace bool) *atomicfile.File {
	t.Helper()
	f, err := atomicfile.Create(path, replace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Discard)
	if _, err := f.WriteString("new"); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFile_GetsItsNameWhenCommitted(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	f := create(t, path, false)
	if got := names(t, folder); slices.Contains(got, "file") || len(got) != 1 {
		t.Errorf("before Commit: %v", got)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Discard()
	text, err := os.ReadFile(path)
	info, _ := os.Stat(path)
	if string(text) != "new" || err != nil || info.Mode().Perm() != 0o600 || len(names(t, folder)) != 1 {
		t.Errorf("%q, %v, mode %v, left are %v", text, err, info.Mode(), names(t, folder))
	}
}

func TestDiscard_LeavesNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	create(t, filepath.Join(folder, "file"), false).Discard()
	if got := names(t, folder); len(got) != 0 {
		t.Errorf("left are %v", got)
	}
}

func TestCommit_KeepsFileCreatedMeanwhile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	f := create(t, path, false)
	if err := os.WriteFile(path, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := f.Commit()
	f.Discard()
	text, _ := os.ReadFile(path)
	if !errors.Is(err, atomicfile.ErrExists) || string(text) != "other" || len(names(t, folder)) != 1 {
		t.Errorf("%v, the file is %q, left are %v", err, text, names(t, folder))
	}
}

func TestCommit_ReplacesTargetOfLinkAndKeepsItsMode(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	target, link := filepath.Join(folder, "target"), filepath.Join(folder, "link")
	if err := errors.Join(os.WriteFile(target, []byte("old"), 0o600), os.Chmod(target, 0o644), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	if err := create(t, link, true).Commit(); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(target)
	info, _ := os.Stat(target)
	if linked, err := os.Lstat(link); err != nil || linked.Mode()&fs.ModeSymlink == 0 || string(text) != "new" || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, the target is %q with mode %v", err, text, info.Mode())
	}
}

func TestCreate_RejectsWhatCanNotBeReplaced(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, err := range []error{
		os.WriteFile(filepath.Join(folder, "file"), nil, 0o600),
		os.Mkdir(filepath.Join(folder, "folder"), 0o700),
		os.Symlink(filepath.Join(folder, "none"), filepath.Join(folder, "link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, row := range map[string]struct {
		path    string
		replace bool
		want    error
	}{
		"a file without replace": {path: "file", want: atomicfile.ErrExists},
		"a folder":               {path: "folder", replace: true, want: atomicfile.ErrFolder},
		"a broken link":          {path: "link", replace: true, want: atomicfile.ErrBrokenLink},
		"a device":               {path: os.DevNull, replace: true, want: atomicfile.ErrSpecial},
		"a missing folder":       {path: "missing/file", want: fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := row.path
			if !filepath.IsAbs(path) {
				path = filepath.Join(folder, path)
			}
			if f, err := atomicfile.Create(path, row.replace); !errors.Is(err, row.want) {
				t.Errorf("%v, expected %v", err, row.want)
				f.Discard()
			}
		})
	}
	t.Cleanup(func() {
		if got := names(t, folder); len(got) != 3 {
			t.Errorf("left are %v", got)
		}
	})
}
