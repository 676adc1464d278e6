package terminal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/store"
)

// Template formats an event by a text/template whose fields are .Topic .EventID
// .Timestamp .Source .Payload .CreatedAt, or the same names as in the JSON. Members
// of the payload are .Payload.NAME.
type Template struct{ parsed *template.Template }

// ParseTemplate parses a template. It checks the names of fields, so that a
// misspelt one is an error before the first event. In {{define}} it can't: the
// value of the dot is not known there.
func ParseTemplate(text string) (*Template, error) {
	parsed, err := template.New("template").Parse(text)
	if err != nil {
		return nil, err
	}
	if text == "" || parsed.Tree == nil { // nil for a template of comments
		return nil, errors.New("the template is empty")
	}
	for _, path := range eventFields(parsed.Root, true) {
		if err := resolve(path); err != nil {
			return nil, err
		}
	}
	return &Template{parsed: parsed}, nil
}

// resolve replaces the name of a field by that of templateEvent. Members of the
// payload become those of its method Members.
func resolve(path []string) error {
	names := map[string]string{
		"Topic": "Topic", "EventID": "EventID", "Timestamp": "Timestamp", "Source": "Source", "Payload": "Payload", "CreatedAt": "CreatedAt",
		"topic": "Topic", "event_id": "EventID", "timestamp": "Timestamp", "source": "Source", "payload": "Payload", "created_at": "CreatedAt",
	}
	name, ok := names[path[0]]
	switch {
	case !ok:
		return fmt.Errorf("unknown field .%s: the fields are .Topic, .EventID, .Timestamp, .Source, .Payload and .CreatedAt", path[0])
	case len(path) > 1 && name != "Payload":
		return fmt.Errorf("unknown field .%s.%s: .%[1]s is text, only .Payload has members", path[0], path[1])
	case len(path) > 1:
		name = "Members"
	}
	path[0] = name
	return nil
}

// eventFields returns the paths of all fields of the event in a template. The dot
// is the event, except in {{with}} and {{range}}; the variable $ always is.
func eventFields(node parse.Node, dotIsEvent bool) (paths [][]string) {
	if value := reflect.ValueOf(node); !value.IsValid() || value.IsNil() { // such as the list of a missing {{else}}
		return nil
	}
	visit := func(dotIsEvent bool, nodes ...parse.Node) {
		for _, node := range nodes {
			paths = append(paths, eventFields(node, dotIsEvent)...)
		}
	}
	branch := func(node parse.BranchNode, dotInside bool) {
		visit(dotIsEvent, node.Pipe, node.ElseList)
		visit(dotInside, node.List)
	}
	switch node := node.(type) {
	case *parse.ListNode:
		visit(dotIsEvent, node.Nodes...)
	case *parse.ActionNode:
		visit(dotIsEvent, node.Pipe)
	case *parse.TemplateNode:
		visit(dotIsEvent, node.Pipe)
	case *parse.IfNode:
		branch(node.BranchNode, dotIsEvent)
	case *parse.WithNode:
		branch(node.BranchNode, false)
	case *parse.RangeNode:
		branch(node.BranchNode, false)
	case *parse.PipeNode:
		for _, command := range node.Cmds {
			visit(dotIsEvent, command.Args...)
		}
	case *parse.ChainNode:
		visit(dotIsEvent, node.Node)
	case *parse.FieldNode:
		if dotIsEvent {
			paths = append(paths, node.Ident)
		}
	case *parse.VariableNode:
		if node.Ident[0] == "$" && len(node.Ident) > 1 {
			paths = append(paths, node.Ident[1:])
		}
	}
	return paths
}

// templateEvent is the value that a template is executed with.
type templateEvent struct {
	Topic, EventID, Timestamp, Source, Payload, CreatedAt string

	terminal bool
}

// execute writes a record. For a terminal, control characters are escaped.
func (t *Template) execute(w io.Writer, r store.Record, terminal bool) error {
	escape := func(text string) string { return text }
	if terminal {
		escape = Printable
	}
	return t.parsed.Execute(w, templateEvent{
		Topic: escape(r.Topic), EventID: escape(r.ID), Source: escape(r.Source), Payload: escape(r.Payload),
		Timestamp: codec.FormatTime(r.Timestamp), CreatedAt: codec.FormatTime(r.CreatedAt), terminal: terminal,
	})
}

// Members returns the members of the payload. Numbers stay the text that was sent.
func (e templateEvent) Members() (map[string]any, error) {
	decoder := json.NewDecoder(strings.NewReader(e.Payload))
	decoder.UseNumber()
	var members map[string]any
	if err := decoder.Decode(&members); err != nil {
		return nil, err
	}
	if e.terminal {
		for name, value := range members { // a template can't contain a name that is not printable
			members[name] = printableValue(value)
		}
	}
	return members, nil
}

// printableValue escapes all texts in a JSON value.
func printableValue(value any) any {
	switch value := value.(type) {
	case string:
		return Printable(value)
	case []any:
		for i := range value {
			value[i] = printableValue(value[i])
		}
	case map[string]any:
		escaped := make(map[string]any, len(value))
		for name, member := range value {
			escaped[Printable(name)] = printableValue(member)
		}
		return escaped
	}
	return value
}
