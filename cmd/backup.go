package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/atomicfile"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
	"github.com/eventagg/eventagg/pkg/terminal"
)

const backupLong = `Copies the embedded database (SQLite) to FILE, also while serve runs and stores events.
The copy has all events that were stored when the command began. Run it on the machine
of serve, as the same user, with the same --database-url.

The copy is checked before it gets its name: its pages, its indexes, and the counters of
each topic against the events. --quick leaves out the indexes; the check then takes a
third of the time. Only the owner may read the file. A backup that fails or is stopped
leaves nothing.

Senders do not wait for a backup, but the write-ahead log (-wal) grows until the copy is
complete. The disk needs room for the copy and 64 MiB more.

eventagg restore makes a backup the database again. A PostgreSQL database has backups of
its own: eventagg help operations`

const backupExample = `  eventagg backup backup.db
  eventagg backup "/backup/eventagg-$(date +%F).db" --database-url sqlite:/var/lib/eventagg/eventagg.db
  eventagg backup backup.db --force --quick -o json`

// copyOptions are the options of `eventagg backup` and `eventagg restore`.
type copyOptions struct {
	database config.Database
	format   outputFormat
	file     string
	force    bool
	quick    bool
}

func (o *copyOptions) configure(c config.Config) { o.database = c.Database }

func (o *copyOptions) complete(_ *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("expected one argument: the path of the backup")
	}
	o.file = args[0]
	if o.file == stdStream {
		return errors.New("a backup can't be a stream: name a file")
	}
	return nil
}

// addFlags adds the flags and the argument.
func (o *copyOptions) addFlags(cmd *cobra.Command, force string) {
	cmd.Args = cobra.ArbitraryArgs // checked by complete
	config.AddFlags(cmd.Flags(), "database.url")
	cmd.Flags().BoolVar(&o.force, "force", false, force)
	cmd.Flags().BoolVar(&o.quick, "quick", false, "check without comparing the indexes with the tables")
	o.format.addFlag(cmd)
}

// copyResult is the result of backup and restore as JSON.
type copyResult struct {
	Path     string  `json:"path"`
	Database string  `json:"database"`
	Events   int64   `json:"events"`
	Topics   int64   `json:"topics"`
	Bytes    int64   `json:"bytes"`
	Seconds  float64 `json:"seconds"`
	// Checked is what was compared: all, or quick; pages if the file has the tables of
	// another version, whose counters can't be compared.
	Checked string `json:"checked"`
	// Replaced is the new path of the database that was there before a restore.
	Replaced string `json:"replaced,omitempty"`
}

// newBackupCmd builds `eventagg backup`; see [build] for runF.
func (a *app) newBackupCmd(runF func(context.Context, copyOptions) error) *cobra.Command {
	var opts copyOptions
	cmd := &cobra.Command{
		Use:     "backup FILE",
		Short:   "Copy the embedded database while serve runs",
		Long:    backupLong,
		Example: backupExample,
	}
	opts.addFlags(cmd, "replace an existing file")
	return build(a, cmd, &opts, runF, a.runBackup)
}

func (a *app) runBackup(ctx context.Context, opts copyOptions) error {
	db := newDatabase(opts.database)
	if db.path == "" {
		return &usageError{
			err:  fmt.Errorf("back up %s: this command copies SQLite databases", db),
			hint: "Use pg_dump, or pg_basebackup with a WAL archive: eventagg help operations",
		}
	}
	result := copyResult{Path: opts.file, Database: db.path}
	copied, err := a.copyFile(db.path, opts, &result, func(options sqlite.BackupOptions) (sqlite.Copy, error) {
		options.From, options.To = db.path, opts.file
		return sqlite.Backup(ctx, options)
	})
	if err != nil {
		return explainBackup(db, opts.file, fmt.Errorf("back up the database: %w", err))
	}
	if opts.format.json() {
		return writeJSON(a.out, result)
	}
	_, err = fmt.Fprintf(a.out, "backed up %s to %s (%s)\n", storedText(copied), opts.file, result.facts())
	return err
}

// copyFile runs a copy with progress, and fills in the result.
func (a *app) copyFile(from string, opts copyOptions, result *copyResult, run func(sqlite.BackupOptions) (sqlite.Copy, error)) (sqlite.Copy, error) {
	state := newCopyState(from)
	progress := terminal.StartProgress(a.errOut, a.interactive(), state.frame)
	copied, err := run(sqlite.BackupOptions{Replace: opts.force, Quick: opts.quick, Progress: state.set})
	progress.Stop()
	result.Events, result.Topics, result.Bytes = copied.Stats.Kept, copied.Stats.Topics, copied.Bytes
	result.Seconds = time.Since(state.begin).Seconds()
	switch {
	case copied.OtherVersion:
		result.Checked = "pages"
	case opts.quick:
		result.Checked = "quick"
	default:
		result.Checked = "all"
	}
	return copied, err
}

// facts returns size, check and duration.
func (r copyResult) facts() string {
	checked := map[string]string{
		"pages": "pages checked; counters not, because the tables are those of another version", "quick": "checked without indexes", "all": "checked",
	}[r.Checked]
	return fmt.Sprintf("%s, %s, %s", terminal.Bytes(r.Bytes), checked, loadgen.FormatDuration(time.Duration(r.Seconds*float64(time.Second))))
}

// storedText returns the number of events in a copy, if it is known.
func storedText(copied sqlite.Copy) string {
	if copied.OtherVersion {
		return "the database"
	}
	return terminal.Events(copied.Stats.Kept)
}

// explainBackup adds to an error what the operator can do about it.
func explainBackup(db database, file string, err error) error {
	switch {
	case errors.Is(err, atomicfile.ErrExists):
		return withHint(err, "Use --force to replace it, or name another file.")
	case errors.Is(err, sqlite.ErrOwnFile), errors.Is(err, sqlite.ErrLogLeft):
		return withHint(err, "Name another file for the backup.")
	case errors.Is(err, sqlite.ErrDamaged):
		return withHint(err, "Keep the database and the files beside it, and restore an older backup, or recover data with `sqlite3 %s .recover`.", db.path)
	case fullDisk(err):
		return withHint(err, "Free some space, or name a file on another disk.")
	case errors.Is(err, fs.ErrNotExist) && !folderExists(filepath.Dir(file)):
		return withHint(err, "Create the folder %s, or name another file.", filepath.Dir(file))
	case errors.Is(err, fs.ErrNotExist):
		return withHint(err, "The database is %s; use --database-url sqlite:PATH for another.", db.path)
	}
	return err
}

// fullDisk reports whether the disk has too little space.
func fullDisk(err error) bool {
	return errors.Is(err, sqlite.ErrSpace) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// folderExists reports whether there is a folder at a path.
func folderExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// fileSize returns the size of a file, or 0 if it is not known.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
