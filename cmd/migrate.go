package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
)

// migrateOptions is what the arguments of `eventagg migrate` say.
type migrateOptions struct {
	config config.Config
	format outputFormat
}

// migrateResult is what it prints.
type migrateResult struct {
	Database string `json:"database"`
	Applied  int    `json:"applied"`
}

// newMigrateCmd builds `eventagg migrate`. runF replaces what it does; nil is
// the real thing.
func (a *app) newMigrateCmd(runF func(context.Context, migrateOptions) error) *cobra.Command {
	var opts migrateOptions
	if runF == nil {
		runF = a.runMigrate
	}
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's tables up to date",
		Long: `Creates the tables in the database, or brings them up to date after an upgrade.
serve does it by itself unless told --migrate=false. Several may run at once.`,
		Example: `  eventagg migrate
  eventagg migrate --database-url postgres://eventagg@localhost/eventagg`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if opts.config, err = a.config(cmd); err != nil {
				return err
			}
			return runF(cmd.Context(), opts)
		},
	}
	config.AddFlags(cmd.Flags(), "database.url", "database.pooler")
	opts.format.addFlag(cmd)
	return cmd
}

func (a *app) runMigrate(ctx context.Context, opts migrateOptions) error {
	db := newDatabase(opts.config.Database)
	applied, err := db.migrate(ctx)
	if err != nil {
		return fmt.Errorf("migrating: %w", err)
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
