package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
)

// options are the options of one command. Its flags point into them.
type options interface {
	// complete checks the flags and arguments, and fills in what follows from them.
	// Its error means wrong usage and names every problem.
	complete(cmd *cobra.Command, args []string) error
	// configure copies the settings that the command uses.
	configure(c config.Config)
}

// unchecked is embedded in options whose flags need no check.
type unchecked struct{}

func (unchecked) complete(*cobra.Command, []string) error { return nil }

// build makes a command run: argv and the configuration become opts, and opts go
// to runF. If runF is nil they go to run; tests pass a runF to look at the options.
func build[O any, P interface {
	*O
	options
}](a *app, cmd *cobra.Command, opts P, runF, run func(context.Context, O) error,
) *cobra.Command {
	if runF == nil {
		runF = run
	}
	if cmd.Args == nil {
		cmd.Args = noArgs
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := opts.complete(cmd, args); err != nil {
			return &usageError{err: err, hint: helpHint(cmd)}
		}
		c, err := a.config(cmd)
		if err != nil {
			return err
		}
		opts.configure(c)
		return runF(cmd.Context(), *opts)
	}
	return cmd
}
