package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/atomicfile"
	"github.com/eventagg/eventagg/pkg/store"
)

// Errors of [Restore], to be matched with [errors.Is].
var (
	// ErrInUse means that a process has the database open.
	ErrInUse = errors.New("is in use")
	// ErrLogLeft means that there is a write-ahead log of a database that was here
	// before.
	ErrLogLeft = errors.New("has a write-ahead log beside it, which belongs to another database")
)

// Restored describes what [Restore] did.
type Restored struct {
	Copy

	// Replaced is the new path of the database that was there before, with its
	// write-ahead log beside it, or empty.
	Replaced string
}

// Restore copies a backup to the path of a database. The copy is checked like that of
// [Backup] before it gets its name. With Replace, a database that is there is not
// deleted: it gets another name, together with its write-ahead log. So the new file
// never has the log of another one beside it. A database in use is refused.
//
// If Restore fails, or its context ends, everything is as before.
func Restore(ctx context.Context, options BackupOptions) (Restored, error) {
	target, err := newTarget(options)
	if err != nil {
		return Restored{}, err
	}
	unlock, err := lockExclusively(target)
	if err != nil {
		return Restored{}, err
	}
	defer unlock()
	file, err := atomicfile.Create(target, options.Replace)
	if err != nil {
		return Restored{}, err
	}
	defer file.Discard()
	if err := giveToOwner(file.File, target); err != nil {
		return Restored{}, fmt.Errorf("set the owner of %s: %w", target, err)
	}
	copied, err := copyChecked(ctx, file, options)
	if err := cmp.Or(err, ctx.Err()); err != nil {
		return Restored{}, err
	}
	replaced, err := swap(file, target)
	return Restored{Copy: copied, Replaced: replaced}, err
}

// newTarget returns the path of the database, with links resolved because the log is
// beside the file itself, if the database may be restored there.
func newTarget(options BackupOptions) (string, error) {
	target, err := checkPath(options.To)
	if err != nil {
		return "", err
	}
	existing, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if log, err := os.Stat(target + walSuffix); err == nil && log.Size() > 0 && !options.Replace {
			return "", fmt.Errorf("%s %w", target, ErrLogLeft)
		}
		return target, nil
	case err != nil:
		return "", fmt.Errorf("find the database file: %w: %w", store.ErrUnavailable, err)
	}
	if from, err := os.Stat(options.From); err == nil && os.SameFile(from, existing) {
		return "", fmt.Errorf("%s is the database itself, not a backup of it", options.From)
	}
	return filepath.EvalSymlinks(target)
}

// swap moves the files of the old database away and gives the new one its name. The
// file of the database goes first. If the machine crashes after that, the next start is
// refused because of the log (see checkWAL), and no event of the log is missed.
func swap(file *atomicfile.File, target string) (replaced string, err error) {
	aside := target + ".replaced-" + time.Now().UTC().Format("20060102T150405.000Z")
	var moved []string
	for _, suffix := range []string{"", walSuffix, shmSuffix} {
		err := os.Rename(target+suffix, aside+suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return "", errors.Join(err, moveBack(moved, aside, target))
		default:
			moved = append(moved, suffix)
		}
	}
	if len(moved) > 0 {
		replaced = aside
	}
	if err := file.CommitNew(); err != nil {
		return "", errors.Join(err, moveBack(moved, aside, target))
	}
	return replaced, nil
}

// moveBack undoes the renaming of swap in the reverse order. It does not replace a
// database that was created meanwhile.
func moveBack(moved []string, aside, target string) error {
	if len(moved) == 0 {
		return nil
	}
	if _, err := os.Lstat(target); err == nil {
		return fmt.Errorf("the database that was there before is now %s", aside)
	}
	for _, suffix := range slices.Backward(moved) {
		if err := os.Rename(aside+suffix, target+suffix); err != nil {
			return fmt.Errorf("the database that was there before is now %s: %w", aside, err)
		}
	}
	return nil
}
