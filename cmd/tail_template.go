package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/store"
)

// templateEvent is an event as the template of tail -o template=… sees it.
type templateEvent struct {
	Topic     string
	EventID   string
	Timestamp string
	Source    string
	Payload   string
	CreatedAt string

	// terminal says that a terminal reads it: nothing may be there that it
	// would act on.
	terminal bool
}

// Members are those of the payload: .Payload.user is .Members.user to the
// template. Numbers are the text that they were sent as.
func (e templateEvent) Members() (map[string]any, error) {
	decoder := json.NewDecoder(strings.NewReader(e.Payload))
	decoder.UseNumber()
	var members map[string]any
	if err := decoder.Decode(&members); err != nil {
		return nil, err
	}
	if e.terminal {
		for name, value := range members { // a name that isn't printable can't stand in a template
			members[name] = printableValue(value)
		}
	}
	return members, nil
}

// printableValue is a JSON value with all its texts printable.
func printableValue(value any) any {
	switch value := value.(type) {
	case string:
		return printable(value)
	case []any:
		for i := range value {
			value[i] = printableValue(value[i])
		}
	case map[string]any:
		shown := make(map[string]any, len(value))
		for name, member := range value {
			shown[printable(name)] = printableValue(member)
		}
		return shown
	}
	return value
}

// fieldNames are the names that a template may use, and what they mean: Go's own
// and those of the JSON.
func fieldNames() map[string]string {
	return map[string]string{
		"Topic": "Topic", "EventID": "EventID", "Timestamp": "Timestamp", "Source": "Source", "Payload": "Payload", "CreatedAt": "CreatedAt",
		"topic": "Topic", "event_id": "EventID", "timestamp": "Timestamp", "source": "Source", "payload": "Payload", "created_at": "CreatedAt",
	}
}

// parseTemplate reads a template and checks the fields in it, so that a
// misspelt one is told before the first event.
func parseTemplate(text string) (*template.Template, error) {
	parsed, err := template.New("template").Parse(text)
	if err != nil {
		return nil, err
	}
	if text == "" || parsed.Tree == nil { // nil where there are definitions alone
		return nil, errNoTemplate
	}
	// Within {{define}} nobody knows what the dot is.
	if err := (templateNames{fieldNames()}).check(parsed.Root, true); err != nil {
		return nil, err
	}
	return parsed, nil
}

// errNoTemplate says that there is nothing to print.
var errNoTemplate = errors.New("the template is empty")

// templateNames puts the names of fields right.
type templateNames struct{ known map[string]string }

// check walks through a template. The dot is the event but for the inside of
// {{with}} and {{range}}; the variable $ is it everywhere.
func (n templateNames) check(node parse.Node, dot bool) error {
	switch node := node.(type) {
	case *parse.ListNode:
		if node == nil {
			return nil
		}
		return n.each(node.Nodes, dot)
	case *parse.ActionNode:
		return n.check(node.Pipe, dot)
	case *parse.TemplateNode:
		return n.check(node.Pipe, dot)
	case *parse.IfNode:
		return n.branch(node.BranchNode, dot, dot)
	case *parse.WithNode:
		return n.branch(node.BranchNode, dot, false)
	case *parse.RangeNode:
		return n.branch(node.BranchNode, dot, false)
	case *parse.PipeNode:
		if node == nil {
			return nil
		}
		for _, command := range node.Cmds {
			if err := n.each(command.Args, dot); err != nil {
				return err
			}
		}
	case *parse.ChainNode:
		return n.check(node.Node, dot)
	case *parse.FieldNode:
		if dot {
			return n.field(node.Ident)
		}
	case *parse.VariableNode:
		if node.Ident[0] == "$" && len(node.Ident) > 1 {
			return n.field(node.Ident[1:])
		}
	}
	return nil
}

func (n templateNames) each(nodes []parse.Node, dot bool) error {
	for _, node := range nodes {
		if err := n.check(node, dot); err != nil {
			return err
		}
	}
	return nil
}

func (n templateNames) branch(node parse.BranchNode, dot, inside bool) error {
	if err := n.check(node.Pipe, dot); err != nil {
		return err
	}
	if err := n.check(node.List, inside); err != nil {
		return err
	}
	return n.check(node.ElseList, dot)
}

// field replaces the name of a field by Go's own.
func (n templateNames) field(path []string) error {
	name, ok := n.known[path[0]]
	if !ok {
		return fmt.Errorf("there is no field .%s; there are .Topic, .EventID, .Timestamp, .Source, .Payload and .CreatedAt", path[0])
	}
	if len(path) > 1 {
		if name != "Payload" {
			return fmt.Errorf(".%s is a text and has no .%s; only .Payload has members", path[0], path[1])
		}
		name = "Members"
	}
	path[0] = name
	return nil
}

// newTemplateEvent shows a record to a template.
func newTemplateEvent(r store.Record, terminal bool) templateEvent {
	clean := func(text string) string { return text }
	if terminal {
		clean = printable
	}
	return templateEvent{
		Topic: clean(r.Topic), EventID: clean(r.ID), Source: clean(r.Source), Payload: clean(r.Payload),
		Timestamp: codec.FormatTime(r.Timestamp), CreatedAt: codec.FormatTime(r.CreatedAt), terminal: terminal,
	}
}

// tailFormat is the value of tail's -o, which takes a template, too.
type tailFormat struct{ opts *tailOptions }

const templatePrefix = "template="

// String returns the format's name.
func (f tailFormat) String() string {
	if f.opts == nil { // as pflag makes one to compare with
		return ""
	}
	return f.opts.format.String()
}

// Set takes a format's name, or a template.
func (f tailFormat) Set(text string) error {
	source, found := strings.CutPrefix(text, templatePrefix)
	if !found {
		f.opts.template = nil
		if f.opts.format.Set(text) != nil {
			return errors.New("must be table, json or template=TEXT")
		}
		return nil
	}
	parsed, err := parseTemplate(source)
	f.opts.format, f.opts.template = "template", parsed
	return err
}

// Type is the placeholder in help texts.
func (f tailFormat) Type() string { return "format" }

// addFlag gives tail the flag -o.
func (f tailFormat) addFlag(cmd *cobra.Command) {
	f.opts.format = "table"
	cmd.Flags().VarP(f, "output", "o", "format of the events: table, json or template=TEXT")
	_ = cmd.RegisterFlagCompletionFunc("output",
		cobra.FixedCompletions([]string{"table", "json", templatePrefix}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}
