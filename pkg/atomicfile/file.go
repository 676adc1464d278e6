package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Errors of Create and Commit, to be matched with [errors.Is].
var (
	// ErrFolder is returned if the path is a folder.
	ErrFolder = errors.New("is a folder")
	// ErrSpecial is returned if the path is a pipe, a device or a socket.
	ErrSpecial = errors.New("is not a regular file")
	// ErrExists is returned if there is a file that may not be replaced.
	ErrExists = errors.New("already exists")
	// ErrBrokenLink is returned for a symbolic link whose target doesn't exist.
	ErrBrokenLink = errors.New("is a link whose target does not exist")
)

// File is a file without its name. Call Commit to give it the name, and Discard to
// remove it.
type File struct {
	*os.File

	path    string // as given
	final   string // absolute, with links resolved
	partial string
	replace bool
}

// Create creates an empty file for a path. Only its owner may read it. If replace is
// set, an existing file is replaced by Commit and its mode stays; if it is a symbolic
// link, its target is replaced. Without replace an existing file is an error.
func Create(path string, replace bool) (*File, error) {
	f := &File{path: path, replace: replace}
	if err := f.create(); err != nil {
		return nil, f.Wrap(err)
	}
	return f, nil
}

func (f *File) create() error {
	mode, exists, err := f.target()
	if err != nil {
		return err
	}
	f.partial = filepath.Join(filepath.Dir(f.final), "."+filepath.Base(f.final)+"."+rand.Text()[:8]+".partial")
	if f.File, err = os.OpenFile(f.partial, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode); err != nil || !exists {
		return err
	}
	if err := f.Chmod(mode); err != nil { // whatever the umask is
		f.Discard()
		return err
	}
	return nil
}

// target finds the path of the complete file, its mode, and whether there is one.
func (f *File) target() (mode fs.FileMode, exists bool, err error) {
	if f.final, err = filepath.Abs(f.path); err != nil { // whatever the current folder is at Commit
		return 0, false, err
	}
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(f.path); err == nil {
			return 0, false, ErrBrokenLink
		}
		return 0o600, false, nil
	case err != nil:
		return 0, false, err
	case info.IsDir():
		return 0, true, ErrFolder
	case !info.Mode().IsRegular():
		return 0, true, ErrSpecial
	case !f.replace:
		return 0, true, ErrExists
	}
	f.final, err = filepath.EvalSymlinks(f.final)
	return info.Mode().Perm(), true, err
}

// Partial is the absolute path of the file until Commit.
func (f *File) Partial() string { return f.partial }

// Commit gives the file its name, once all of it is on disk. If it fails, call Discard.
func (f *File) Commit() error {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return f.Wrap(err)
	}
	if err := f.rename(); err != nil {
		return f.Wrap(err)
	}
	return f.Wrap(SyncFolder(filepath.Dir(f.final)))
}

// CommitNew is Commit after the caller has moved the file away that Create found. It
// never replaces a file.
func (f *File) CommitNew() error {
	f.replace = false
	return f.Commit()
}

// rename gives the file its name. A file that was created there meanwhile stays,
// unless it may be replaced.
func (f *File) rename() error {
	if !f.replace {
		err := os.Link(f.partial, f.final)
		if errors.Is(err, fs.ErrExist) {
			return ErrExists
		}
		if err == nil {
			return os.Remove(f.partial)
		}
		// This file system may have no links.
	}
	return os.Rename(f.partial, f.final)
}

// Discard closes and removes the file. After Commit it does nothing.
func (f *File) Discard() {
	_ = f.Close()
	_ = os.Remove(f.partial)
}

// Wrap returns an error that names the path as the caller gave it, not the partial
// file. It returns nil for nil.
func (f *File) Wrap(err error) error {
	for _, known := range []error{ErrFolder, ErrSpecial, ErrExists, ErrBrokenLink} {
		if errors.Is(err, known) {
			return fmt.Errorf("%s %w", f.path, known)
		}
	}
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("write %s: %w", f.path, pathError.Err)
	}
	if linkError, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Errorf("write %s: %w", f.path, linkError.Err)
	}
	return err
}

// SyncFolder makes new names in a folder survive a crash of the machine.
func SyncFolder(folder string) error {
	if runtime.GOOS == "windows" { // it has no fsync of folders
		return nil
	}
	opened, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
}
