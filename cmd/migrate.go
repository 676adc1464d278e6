package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
)

const migrateLong = `Creates the tables in the database, or updates them after an upgrade of eventagg.
serve does this at start, unless --migrate=false. Several migrations may run at
the same time; each waits for the one before.`

// migrateOptions are the options of `eventagg migrate`.
type migrateOptions struct {
	unchecked

	config config.Config
	format outputFormat
}

func (o *migrateOptions) configure(c config.Config) { o.config = c }

// migrateResult is the result of migrate as JSON.
type migrateResult struct {
	Database string `json:"database"`
	Applied  int    `json:"applied"`
}

// newMigrateCmd builds `eventagg migrate`; see [build] for runF.
func (a *app) newMigrateCmd(runF func(context.Context, migrateOptions) error) *cobra.Command {
	var opts migrateOptions
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Create or update the tables in the database",
		Long:  migrateLong,
		Example: `  eventagg migrate
  eventagg migrate --database-url postgres://eventagg@localhost/eventagg`,
	}
	config.AddFlags(cmd.Flags(), "database.url", "database.schema", "database.pooler")
	opts.format.addFlag(cmd)
	return build(a, cmd, &opts, runF, a.runMigrate)
}

func (a *app) runMigrate(ctx context.Context, opts migrateOptions) error {
	db := newDatabase(opts.config.Database)
	applied, err := db.migrate(ctx)
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	if opts.format.json() {
		return writeJSON(a.out, migrateResult{Database: db.String(), Applied: applied})
	}
	switch applied {
	case 0:
		_, err = fmt.Fprintf(a.out, "%s is up to date, nothing to apply\n", db)
	case 1:
		_, err = fmt.Fprintf(a.out, "applied 1 migration to %s\n", db)
	default:
		_, err = fmt.Fprintf(a.out, "applied %d migrations to %s\n", applied, db)
	}
	return err
}
