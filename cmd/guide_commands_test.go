package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eventagg/eventagg/pkg/config"
)

// CommandReference describes every command in Markdown, for the guide "cli".
func CommandReference() string {
	var out strings.Builder
	root := new(app).newRootCmd()
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() && cmd.Name() != "help" {
			describe(&out, cmd)
		}
	}
	return out.String()
}

func describe(out *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(out, "### %s\n\n%s.\n\n", cmd.CommandPath(), cmd.Short)
	if cmd.Name() == "completion" {
		fmt.Fprintf(out, "`eventagg completion --help` says how to load it for bash, zsh, fish and PowerShell.\n\n")
		return
	}
	if cmd.Long != "" {
		fmt.Fprintf(out, "```\n%s\n```\n\n", cmd.Long)
	}
	if cmd.Example != "" {
		fmt.Fprintf(out, "```sh\n%s\n```\n\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
	}
	describeFlags(out, cmd)
	for _, child := range cmd.Commands() {
		describe(out, child)
	}
}

// describeFlags writes a table of flags. A server has a flag for each setting;
// those are in the guide "configuration".
func describeFlags(out *strings.Builder, cmd *cobra.Command) {
	settings := map[string]bool{}
	if cmd.Name() == "serve" {
		for _, s := range config.Settings() {
			settings[s.Flag] = true
		}
		fmt.Fprintf(out, "Each [setting](configuration.md#settings) but `client.url` is a flag.\n\n")
	}
	var rows strings.Builder
	cmd.NonInheritedFlags().VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden || flag.Name == "help" || settings[flag.Name] {
			return
		}
		name, usage := pflag.UnquoteUsage(flag)
		names := "`--" + strings.TrimSpace(flag.Name+" "+name) + "`"
		if flag.Shorthand != "" {
			names = "`-" + flag.Shorthand + "`, " + names
		}
		value := ""
		if flag.DefValue != "" && flag.DefValue != "false" && flag.DefValue != "[]" {
			value = "`" + flag.DefValue + "`"
		}
		fmt.Fprintf(&rows, "| %s | %s | %s |\n", names, value, strings.ReplaceAll(usage, "|", `\|`))
	})
	if rows.Len() > 0 {
		fmt.Fprintf(out, "| flag | default | meaning |\n|---|---|---|\n%s\n", &rows)
	}
}
