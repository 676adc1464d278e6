package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/store/postgres"
)

const migrateLong = `Creates the tables in the database, or updates them after an upgrade of eventagg.
serve does this at start, unless --migrate=false. Several migrations may run at
the same time; each waits for the one before.

--print-grants changes nothing. It prints the SQL for a second role, which may
append and read events, but not change or delete them, nor create tables. Run
eventagg migrate as the owner of the tables, and serve as this role.`

// migrateOptions are the options of `eventagg migrate`.
type migrateOptions struct {
	config config.Config
	format outputFormat
	// printGrants prints the rights of the role instead of migrating.
	printGrants bool
	role        string
}

func (o *migrateOptions) complete(cmd *cobra.Command, _ []string) error {
	if !o.printGrants && cmd.Flags().Changed("grantee") {
		return errors.New("--grantee needs --print-grants")
	}
	return postgres.CheckRole(o.role)
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
  eventagg migrate --database-url postgres://eventagg@localhost/eventagg
  eventagg migrate --print-grants --grantee eventagg_serve | psql -d eventagg`,
	}
	config.AddFlags(cmd.Flags(), "database.url", "database.schema", "database.pooler")
	cmd.Flags().BoolVar(&opts.printGrants, "print-grants", false, "print the SQL for a role with only the rights that serve needs (PostgreSQL)")
	cmd.Flags().StringVar(&opts.role, "grantee", "eventagg_serve", "name of the `role` for --print-grants")
	opts.format.addFlag(cmd)
	return build(a, cmd, &opts, runF, a.runMigrate)
}

// grantsResult is the result of migrate --print-grants as JSON.
type grantsResult struct {
	Database string `json:"database"`
	Role     string `json:"role"`
	SQL      string `json:"sql"`
}

// runPrintGrants prints the statements for the role of serve.
func (a *app) runPrintGrants(ctx context.Context, opts migrateOptions) error {
	db := newDatabase(opts.config.Database)
	if db.path != "" {
		return &usageError{err: fmt.Errorf("print the grants: %s has no roles; name a PostgreSQL database in --database-url", db)}
	}
	grants, err := postgres.Grants(ctx, db.options(), opts.role)
	if err != nil {
		return fmt.Errorf("print the grants: %w", db.explain(err))
	}
	if opts.format.json() {
		return writeJSON(a.out, grantsResult{Database: db.String(), Role: opts.role, SQL: grants})
	}
	_, err = fmt.Fprint(a.out, grants)
	return err
}

func (a *app) runMigrate(ctx context.Context, opts migrateOptions) error {
	if opts.printGrants {
		return a.runPrintGrants(ctx, opts)
	}
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
