package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/guide"
)

const rootLong = `eventagg receives events over HTTP, stores each exactly once, and shows what
happens. If the response is success, the event is committed to the database. Sending
the same event again is always safe.

A flag overrides an EVENTAGG_… variable, a variable overrides eventagg.yaml (or the
file of --config), and the file overrides the default.

Exit codes: 0 done; 1 failed while running; 2 wrong usage or configuration;
3 a requested check failed (--verify, --fail-if, verify, doctor); 130 after Ctrl-C
and 143 after SIGTERM, but serve exits with 0 after both.`

const rootExample = `  eventagg demo                                       # see everything in a few seconds
  eventagg serve                                      # listen on 127.0.0.1:8000, store in ./eventagg.db
  eventagg publish --count 20000 --dup-rate 0.3 --verify
  eventagg stats
  eventagg tail -f`

// newRootCmd builds the tree of commands.
func (a *app) newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:           "eventagg",
		Short:         "Collect events exactly once",
		Long:          rootLong,
		Example:       rootExample,
		Version:       a.version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	onlyCommands(root)
	root.SetVersionTemplate("eventagg {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().StringVar(&a.configFile, "config", "",
		"configuration `file` (default ./"+config.DefaultFile+" if it exists)")
	root.AddCommand(
		a.newServeCmd(nil),
		a.newPublishCmd(nil),
		a.newStatsCmd(nil),
		a.newTailCmd(nil),
		a.newDuplicatesCmd(nil),
		a.newExportCmd(nil),
		a.newDemoCmd(nil),
		a.newVerifyCmd(nil),
		a.newRetentionCmd(nil),
		a.newBackupCmd(nil),
		a.newRestoreCmd(nil),
		a.newMigrateCmd(nil),
		a.newDoctorCmd(nil),
		a.newDeadletterCmd(nil),
		a.newQueueCmd(nil),
		a.newKeyCmd(),
		a.newVersionCmd(),
		a.newManCmd(),
		a.newReadyCmd(),
	)
	addHelpTopics(root)
	strictDefaults(root)
	completeValues(root)
	return root
}

// onlyCommands makes a command that has only subcommands print its help and reject
// other arguments. Cobra's own check returns an error that looks like any other
// failure, or none.
func onlyCommands(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return cmd.Help()
	}
}

// strictDefaults adds cobra's own commands, completion and help, and makes them
// reject unknown arguments like the others.
func strictDefaults(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			onlyCommands(cmd)
			for _, shell := range cmd.Commands() {
				shell.Args = noArgs
			}
		case "help":
			completeTopics(cmd)
			cmd.Run = nil
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if topic, found := guide.Find(strings.Join(args, " ")); found {
					return showGuide(cmd.OutOrStdout(), topic)
				}
				about, rest, err := root.Find(args)
				if err == nil && len(rest) == 0 {
					return about.Help()
				}
				return unknownTopic(about, strings.Join(rest, " "))
			}
		}
	}
}

// config loads the configuration for a command.
func (a *app) config(cmd *cobra.Command) (config.Config, error) {
	return config.Load(config.Source{File: a.configFile, Flags: cmd.Flags()})
}

func flagError(cmd *cobra.Command, err error) error {
	hint := helpHint(cmd)
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() == "" {
		// Cobra suggests similar names only for commands.
		flags := &cobra.Command{}
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			flags.AddCommand(&cobra.Command{Use: flag.Name, Hidden: flag.Hidden, Run: func(*cobra.Command, []string) {}})
		})
		hint = suggest(flags, unknown.GetSpecifiedName(), "--") + hint
	}
	return &usageError{err: err, hint: hint}
}

// suggest returns a question with subcommands whose names are similar to name, or
// begin with it.
func suggest(among *cobra.Command, name, dashes string) string {
	const maxTypos, maxSuggestions = 2, 3
	among.SuggestionsMinimumDistance = maxTypos
	similar := among.SuggestionsFor(name)
	if len(similar) == 0 {
		return ""
	}
	similar = similar[:min(len(similar), maxSuggestions)]
	return fmt.Sprintf("Did you mean '%s%s'? ", dashes, strings.Join(similar, "' or '"+dashes))
}

func helpHint(cmd *cobra.Command) string {
	return fmt.Sprintf("Run '%s --help' for usage.", cmd.CommandPath())
}

func unknownCommand(cmd *cobra.Command, name string) error {
	return &usageError{err: fmt.Errorf("unknown command %q", name), hint: suggest(cmd, name, "") + helpHint(cmd)}
}

// noArgs checks the arguments of commands that have only flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{err: fmt.Errorf("unexpected argument %q", args[0]), hint: helpHint(cmd)}
}
