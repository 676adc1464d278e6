package cmd

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/guide"
	"github.com/eventagg/eventagg/pkg/terminal"
)

// addHelpTopics lists the guides in the help of root. Cobra shows a command
// that can't be run as an additional help topic.
func addHelpTopics(root *cobra.Command) {
	for _, topic := range guide.Topics() {
		if topic.Decision() {
			continue // the guide "architecture" lists them
		}
		if slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == topic.Name }) {
			continue // a second command of this name would hide the first one; "help NAME" shows the guide
		}
		cmd := &cobra.Command{Use: topic.Name, Short: topic.Summary}
		cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _ = showGuide(cmd.OutOrStdout(), topic) }) // as cobra treats other help
		root.AddCommand(cmd)
	}
	const heading, row = "Additional help topics:", "{{rpad .CommandPath .CommandPathPadding}}"
	root.SetUsageTemplate(strings.NewReplacer(heading, "Guides (eventagg help TOPIC):", row, "{{rpad .Name .NamePadding}}").Replace(root.UsageTemplate()))
}

// completeTopics adds the guides to what the shell completes after "help".
func completeTopics(help *cobra.Command) {
	commands := help.ValidArgsFunction
	help.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		found, directive := commands(cmd, args, typed)
		for _, topic := range guide.Topics() {
			if len(args) == 0 && strings.HasPrefix(topic.Name, typed) && !topic.Decision() {
				found = append(found, cobra.CompletionWithDesc(topic.Name, topic.Summary))
			}
		}
		return found, directive
	}
}

// showGuide writes a guide: laid out if out is a terminal, otherwise as Markdown.
func showGuide(out io.Writer, topic guide.Topic) error {
	const maxWidth = 100 // longer lines are hard to read
	text := topic.Text
	if terminal.IsTerminal(out) {
		text = topic.Terminal(min(terminal.Width(out), maxWidth), terminal.HasColour(out))
	}
	_, err := io.WriteString(out, text)
	return err
}

// unknownTopic is the error of `eventagg help NAME` with a name that neither a
// command nor a guide has.
func unknownTopic(about *cobra.Command, name string) error {
	topics := &cobra.Command{}
	for _, topic := range guide.Topics() {
		topics.AddCommand(&cobra.Command{Use: topic.Name, Run: func(*cobra.Command, []string) {}})
	}
	err := unknownCommand(about, name)
	if usage, ok := err.(*usageError); ok { //nolint:errorlint // made by unknownCommand, not wrapped
		usage.hint = suggest(topics, name, "") + "Run 'eventagg --help' for all commands and guides."
	}
	return err
}
