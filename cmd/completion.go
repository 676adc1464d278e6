package cmd

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eventagg/eventagg/pkg/config"
)

// completeValues lets the shell complete the values of every flag of a setting that has
// few, and of the flags of key that take scopes.
func completeValues(root *cobra.Command) {
	values := map[string][]string{"scopes": {"publish", "read", "metrics", "admin"}}
	for _, setting := range config.Settings() {
		if setting.Key == "auth.public" {
			setting.Values = []string{"publish", "read", "metrics"}
		}
		if len(setting.Values) > 0 {
			values[setting.Flag] = setting.Values
		}
	}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if names, found := values[flag.Name]; found {
				// It fails only for a flag that has a function already.
				_ = cmd.RegisterFlagCompletionFunc(flag.Name, cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
			}
		})
		for _, below := range cmd.Commands() {
			visit(below)
		}
	}
	visit(root)
}
