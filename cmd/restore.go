package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/atomicfile"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
)

const restoreLong = `Makes a backup of eventagg backup the database again. Stop serve first: the command
refuses a database that a process has open.

The backup is copied and checked before anything changes. With --force a database that is
already there gets another name, together with its write-ahead log; it is not deleted. So
the restored file never has the log of another database beside it, which would damage it.

After a restore, senders that send again store the missing events again. A follower whose
last event is not in the backup gets 422 and must start again without a cursor. For a
PostgreSQL database see: eventagg help operations`

const restoreExample = `  eventagg restore backup.db
  eventagg restore backup.db --force --database-url sqlite:/var/lib/eventagg/eventagg.db`

// newRestoreCmd builds `eventagg restore`; see [build] for runF.
func (a *app) newRestoreCmd(runF func(context.Context, copyOptions) error) *cobra.Command {
	var opts copyOptions
	cmd := &cobra.Command{
		Use:     "restore FILE",
		Short:   "Make a backup the embedded database again",
		Long:    restoreLong,
		Example: restoreExample,
	}
	opts.addFlags(cmd, "rename an existing database and put the backup in its place")
	return build(a, cmd, &opts, runF, a.runRestore)
}

func (a *app) runRestore(ctx context.Context, opts copyOptions) error {
	db := newDatabase(opts.database)
	if db.path == "" {
		return &usageError{
			err:  fmt.Errorf("restore %s: this command restores SQLite databases", db),
			hint: "Use pg_restore for a dump, or start PostgreSQL on a base backup: eventagg help operations",
		}
	}
	result := copyResult{Path: opts.file, Database: db.path}
	copied, err := a.copyFile(opts.file, opts, &result, func(options sqlite.BackupOptions) (sqlite.Copy, error) {
		options.From, options.To = opts.file, db.path
		restored, err := sqlite.Restore(ctx, options)
		result.Replaced = restored.Replaced
		return restored.Copy, err
	})
	if err != nil {
		return explainRestore(db, fmt.Errorf("restore the database: %w", err))
	}
	if opts.format.json() {
		return writeJSON(a.out, result)
	}
	if _, err = fmt.Fprintf(a.out, "restored %s from %s to %s (%s)\n", storedText(copied), opts.file, db.path, result.facts()); err != nil {
		return err
	}
	if result.Replaced != "" {
		_, err = fmt.Fprintf(a.out, "the database that was there before is now %s\n", result.Replaced)
	}
	return err
}

// explainRestore adds to an error what the operator can do about it.
func explainRestore(db database, err error) error {
	switch {
	case errors.Is(err, sqlite.ErrInUse):
		return withHint(err, "Stop eventagg serve and other programs that have it open (fuser %s), then restore.", db.path)
	case errors.Is(err, atomicfile.ErrExists):
		return withHint(err, "Use --force to rename it and put the backup in its place, or --database-url sqlite:PATH for another database.")
	case errors.Is(err, sqlite.ErrLogLeft):
		return withHint(err, "Use --force to rename the log, which has events of a database that was here before.")
	case errors.Is(err, sqlite.ErrDamaged):
		return withHint(err, "Nothing was changed. Use another backup.")
	case fullDisk(err):
		return withHint(err, "Nothing was changed. Free some space, or use --database-url sqlite:PATH on another disk.")
	case errors.Is(err, fs.ErrNotExist):
		return withHint(err, "The argument is the path of a backup; the database is %s.", db.path)
	}
	return err
}
