package terminal

import (
	"bytes"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/store"
)

// formatted writes records by a template.
func formatted(text string, terminal bool, records ...store.Record) (string, error) {
	template, err := ParseTemplate(text)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = (&EventWriter{out: &out, template: template, terminal: terminal}).Write(records...)
	return out.String(), err
}

func TestTemplate_FormatsEvents(t *testing.T) {
	t.Parallel()
	record := twoRecords()[0]
	record.Payload = `{"n":1.50,"user":{"name":"a\u001b[31m\u202e","tags":["x","y\u0007"]},"topic":"inner"}`
	for text, row := range map[string]struct {
		terminal bool
		want     string
	}{
		"{{.Topic}} {{.EventID}} {{.Source}} {{.Timestamp}} {{.CreatedAt}}":   {false, "t 1 web-1 2025-12-19T12:00:00Z 2025-12-19T12:00:01Z\n"},
		"{{.topic}} {{.event_id}} {{.source}} {{.timestamp}} {{.created_at}}": {false, "t 1 web-1 2025-12-19T12:00:00Z 2025-12-19T12:00:01Z\n"},
		"{{.Payload.n}} {{.payload.user.tags}} {{.Payload.none}}":             {false, "1.50 [x y\a] <no value>\n"},
		"{{.Payload}}": {false, record.Payload + "\n"},
		"{{with .Payload.user}}{{.name}} {{$.Topic}} {{$.payload.n}}{{end}}":               {false, "a\x1b[31m\u202e t 1.50\n"},
		"{{if .Topic}}{{range .Payload.user.tags}}{{.}},{{end}}{{end}}":                    {false, "x,y\a,\n"},
		"{{.Payload.user}}{{.Payload.user.tags}}":                                          {true, "map[name:a\\u001b[31m\\u202e tags:[x y\\u0007]][x y\\u0007]\n"},
		"{{with .}}{{.Topic}}{{end}}{{(.Payload.user).name | len}}{{\"\\t\"}}{{/* \n */}}": {false, "t9\t\n"},
	} {
		if got, err := formatted(text, row.terminal, record); err != nil || got != row.want {
			t.Errorf("%s writes %q, %v; want %q", text, got, err, row.want)
		}
	}
}

func TestParseTemplate_RejectsMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{{.Topic":                                  "unclosed action",
		"{{.Topci}}":                                "unknown field .Topci: the fields are .Topic,",
		"{{if .x}}{{else}}{{.Topic}}{{end}}":        "unknown field .x",
		"{{with .Payload}}{{$.y}}{{end}}":           "unknown field .y",
		"{{range .Payload.a}}{{else}}{{.z}}{{end}}": "unknown field .z",
		"{{printf \"%s\" (len .w)}}":                "unknown field .w",
		"{{.Topic.name}}":                           "unknown field .Topic.name: .Topic is text, only .Payload has members",
		"":                                          "the template is empty",
	} {
		if _, err := ParseTemplate(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want %q", text, err, want)
		}
	}
}

func TestTemplate_ReturnsErrorOfExecution(t *testing.T) {
	t.Parallel()
	if out, err := formatted("{{index .Payload.s 9}}", false, twoRecords()...); err == nil || out != "" {
		t.Errorf("error %v, wrote %q", err, out)
	}
}
