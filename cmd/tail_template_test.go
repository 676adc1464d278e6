package cmd

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/store"
)

// templated parses the arguments of tail and prints records so.
func templated(t *testing.T, text string, change func(*eventPrinter), records ...store.Record) (string, error) {
	t.Helper()
	a, _, _ := testApp()
	var out bytes.Buffer
	cmd := a.newTailCmd(func(_ context.Context, opts tailOptions) error {
		printer := newEventPrinter(&out, opts.format.json(), 0)
		printer.template = opts.template
		change(printer)
		return printer.print(records...)
	})
	cmd.SetArgs([]string{"-o", "template=" + text})
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestTailWritesATemplate(t *testing.T) {
	t.Parallel()
	record := twoRecords()[0]
	record.Payload = `{"n":1.50,"user":{"name":"a\u001b[31m\u202e","tags":["x","y\u0007"]},"topic":"inner"}`
	same := func(*eventPrinter) {}
	terminal := func(p *eventPrinter) { p.terminal = true }
	for text, row := range map[string]struct {
		change func(*eventPrinter)
		want   string
	}{
		"{{.Topic}} {{.EventID}} {{.Source}} {{.Timestamp}} {{.CreatedAt}}":   {same, "t 1 web-1 2025-12-19T12:00:00Z 2025-12-19T12:00:01Z\n"},
		"{{.topic}} {{.event_id}} {{.source}} {{.timestamp}} {{.created_at}}": {same, "t 1 web-1 2025-12-19T12:00:00Z 2025-12-19T12:00:01Z\n"},
		"{{.Payload.n}} {{.payload.user.tags}} {{.Payload.none}}":             {same, "1.50 [x y\a] <no value>\n"},
		"{{.Payload}}": {same, record.Payload + "\n"},
		"{{with .Payload.user}}{{.name}} {{$.Topic}} {{$.payload.n}}{{end}}":               {same, "a\x1b[31m\u202e t 1.50\n"},
		"{{if .Topic}}{{range .Payload.user.tags}}{{.}},{{end}}{{end}}":                    {same, "x,y\a,\n"},
		"{{.Payload.user}}{{.Payload.user.tags}}":                                          {terminal, "map[name:a\\u001b[31m\\u202e tags:[x y\\u0007]][x y\\u0007]\n"},
		"{{with .}}{{.Topic}}{{end}}{{(.Payload.user).name | len}}{{\"\\t\"}}{{/* \n */}}": {same, "t9\t\n"},
	} {
		if got, err := templated(t, text, row.change, record); err != nil || got != row.want {
			t.Errorf("%s writes %q, %v; expected %q", text, got, err, row.want)
		}
	}
}

func TestATemplateThatIsWrongIsTold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{{.Topic":                                  "unclosed action",
		"{{.Topci}}":                                "there is no field .Topci; there are .Topic,",
		"{{if .x}}{{else}}{{.Topic}}{{end}}":        "there is no field .x",
		"{{with .Payload}}{{$.y}}{{end}}":           "there is no field .y",
		"{{range .Payload.a}}{{else}}{{.z}}{{end}}": "there is no field .z",
		"{{printf \"%s\" (len .w)}}":                "there is no field .w",
		"{{.Topic.name}}":                           ".Topic is a text and has no .name",
		"{{nothing .Topic}}":                        `function "nothing" not defined`,
		"":                                          "the template is empty",
	} {
		_, err := templated(t, text, func(*eventPrinter) {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is told %v", text, err)
		}
	}
	a, _, _ := testApp()
	if code := a.main(t.Context(), []string{"tail", "-o", "template={{.Topci}}"}); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
}

func TestATemplateThatFailsEndsTail(t *testing.T) {
	t.Parallel()
	out, err := templated(t, "{{index .Payload.s 9}}", func(*eventPrinter) {}, twoRecords()...)
	if _, usage := errors.AsType[*usageError](err); err == nil || usage || out != "" {
		t.Errorf("%v, wrote %q", err, out)
	}
}

func TestTopicsHaveColours(t *testing.T) {
	t.Parallel()
	records := append(twoRecords(), twoRecords()...)
	var plain, coloured, narrow bytes.Buffer
	if err := newEventPrinter(&plain, false, 80).print(records...); err != nil {
		t.Fatal(err)
	}
	for out, width := range map[*bytes.Buffer]int{&coloured: 80, &narrow: 26} {
		printer := newEventPrinter(out, false, width)
		printer.colour = true
		if err := printer.print(records...); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(coloured.String(), "\n")
	if lines[0] != lines[2] || lines[1] != lines[3] || lines[0][:40] == lines[1][:40] {
		t.Errorf("wrote\n%q", lines)
	}
	if !strings.Contains(lines[1], "m"+"user_login"+"\x1b[39m") || strings.Contains(narrow.String(), "\x1b") {
		t.Errorf("wrote\n%q\nand\n%q", lines, narrow.String())
	}
	bare := coloured.String()
	for _, topic := range []string{"t", "user_login"} {
		bare = strings.ReplaceAll(bare, paint(topic, topic), topic)
	}
	if bare != plain.String() {
		t.Errorf("without colours it is\n%s\nand not\n%s", bare, plain.String())
	}
}

func TestAPayloadNeverBreaksALine(t *testing.T) {
	t.Parallel()
	record := twoRecords()[0]
	record.Payload = "{\r\n \"n\": 1.50,\n\"s\": \"a b\"}"
	if line := string(appendJSONLine(nil, record)); strings.Count(line, "\n") != 1 || !strings.Contains(line, `"payload":{"n":1.50,"s":"a b"},`) {
		t.Errorf("wrote %q", line)
	}
}
