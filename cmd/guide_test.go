package cmd_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/eventagg/eventagg/cmd"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/guide"
	"github.com/eventagg/eventagg/pkg/size"
)

var update = flag.Bool("update", false, "rewrite the generated parts of the guides")

// guideFiles keeps parallel tests from writing one file at once.
var guideFiles sync.Mutex

// generated compares the part of a guide between its markers with the text that
// the code gives. With -update it rewrites the part.
func generated(t *testing.T, topic, part, want string) {
	t.Helper()
	guideFiles.Lock()
	defer guideFiles.Unlock()
	path := guideFolder + "/" + topic + ".md"
	before, rest, found := strings.Cut(readFile(t, path), "<!-- generated: "+part+" -->\n")
	got, after, ended := strings.Cut(rest, "<!-- end -->\n")
	if !found || !ended {
		t.Fatalf("%s has no markers of the part %q", path, part)
	}
	want = "\n" + strings.TrimSpace(want) + "\n\n"
	if got == want {
		return
	}
	if !*update {
		t.Errorf("the part %q of %s is not what the code says; run: go test ./cmd -run TestGuides -update", part, path)
		return
	}
	text := before + "<!-- generated: " + part + " -->\n" + want + "<!-- end -->\n" + after
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// cell writes a text as a cell of a Markdown table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

func TestGuides_ListEveryCommand(t *testing.T) {
	t.Parallel()
	generated(t, "cli", "commands", cmd.CommandReference())
}

func TestGuides_ListEverySetting(t *testing.T) {
	t.Parallel()
	ranges := settingRanges(t)
	var table strings.Builder
	table.WriteString("| key | default | range | meaning |\n|---|---|---|---|\n")
	for _, s := range config.Settings() {
		value := ""
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", s.Key, value, ranges[s.Key], cell(s.Help))
	}
	generated(t, "configuration", "settings", table.String())
}

// settingRanges sets every number and duration to a negative value and reads the
// allowed range from the error.
func settingRanges(t *testing.T) map[string]string {
	t.Helper()
	var file strings.Builder
	for _, s := range config.Settings() {
		section, name, _ := strings.Cut(s.Key, ".")
		if !strings.Contains(file.String(), section+":\n") {
			fmt.Fprintf(&file, "%s:\n", section)
		}
		if _, isNumber := size.Parse(s.Default); isNumber {
			fmt.Fprintf(&file, "  %s: -1\n", name)
		} else if _, err := time.ParseDuration(s.Default); err == nil {
			fmt.Fprintf(&file, "  %s: -1s\n", name)
		} else {
			fmt.Fprintf(&file, "  # %s has no range\n", name)
		}
	}
	path := t.TempDir() + "/eventagg.yaml"
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(config.Source{File: path})
	if err == nil {
		t.Fatal("negative numbers are accepted")
	}
	ranges := map[string]string{}
	for _, match := range regexp.MustCompile(`([a-z_.]+): must be between (\S+) and (\S+),`).FindAllStringSubmatch(err.Error(), -1) {
		zeros := regexp.MustCompile(`(h)0m0s$|(m)0s$`)
		ranges[match[1]] = match[2] + " to " + zeros.ReplaceAllString(match[3], "$1$2")
	}
	return ranges
}

// alert is a rule of config/alerts.yaml.
type alert struct {
	Alert       string            `yaml:"alert"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func TestGuides_ExplainEveryAlert(t *testing.T) {
	t.Parallel()
	var file struct {
		Groups []struct {
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "../config/alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	variable := regexp.MustCompile(`\{\{\s*\$(?:labels\.)?(\w+)[^}]*\}\}`)
	plain := func(text string) string {
		return variable.ReplaceAllStringFunc(strings.TrimSpace(text), func(match string) string {
			return strings.ToUpper(variable.FindStringSubmatch(match)[1])
		})
	}
	var out strings.Builder
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			fmt.Fprintf(&out, "### %s\n\n%s. Severity: %s", rule.Alert, plain(rule.Annotations["summary"]), rule.Labels["severity"])
			if rule.For != "" {
				fmt.Fprintf(&out, "; after %s", rule.For)
			}
			fmt.Fprintf(&out, ".\n\n%s\n\n", plain(rule.Annotations["description"]))
		}
	}
	generated(t, "metrics", "alerts", out.String())
}

func TestGuides_ListEveryDecision(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("| decision | in one sentence |\n|---|---|\n")
	for _, topic := range guide.Topics() {
		if topic.Decision() {
			fmt.Fprintf(&table, "| [%s](%s.md) | %s |\n", topic.Title, topic.Name, cell(topic.Summary)+".")
		}
	}
	generated(t, "architecture", "decisions", table.String())
}

// TestGuides_ListEveryPackage takes the first sentence of each package's comment.
func TestGuides_ListEveryPackage(t *testing.T) {
	t.Parallel()
	found := map[string]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		folder, _ := filepath.Rel("..", path)
		if strings.HasPrefix(entry.Name(), ".") && folder != "." || entry.Name() == "testdata" {
			return filepath.SkipDir
		}
		packages, err := parser.ParseDir(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments) //nolint:staticcheck // comments are enough
		for _, p := range packages {
			for _, file := range p.Files {
				if file.Doc != nil && folder != "." {
					found[folder] = new(doc.Package).Synopsis(file.Doc.Text())
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| package | what it is |\n|---|---|\n")
	prefix, reference := regexp.MustCompile(`^(?:Package|Command) \w+ (?:is )?`), regexp.MustCompile(`\[([\w.]+)\]`)
	for _, folder := range slices.Sorted(maps.Keys(found)) {
		fmt.Fprintf(&table, "| `%s` | %s |\n", folder, cell(reference.ReplaceAllString(prefix.ReplaceAllString(found[folder], ""), "`$1`")))
	}
	generated(t, "architecture", "packages", table.String())
}

// tableRow finds the first cell of a row when it is code.
var tableRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// TestGuides_ExplainEveryLogMessage compares the troubleshooting guide with the
// warnings, errors and problem types in the code.
func TestGuides_ExplainEveryLogMessage(t *testing.T) {
	t.Parallel()
	want := map[string]string{"about:blank": "pkg/api"}
	for _, root := range []string{"../cmd", "../pkg"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "test/") {
				messages(t, path, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	explained := map[string]bool{}
	for _, row := range tableRow.FindAllStringSubmatch(readFile(t, guideFolder+"/troubleshooting.md"), -1) {
		explained[row[1]] = true
	}
	for _, text := range slices.Sorted(maps.Keys(want)) {
		if !explained[text] {
			t.Errorf("troubleshooting.md does not explain %q of %s", text, want[text])
		}
		delete(explained, text)
	}
	for _, text := range slices.Sorted(maps.Keys(explained)) {
		t.Errorf("troubleshooting.md explains %q, which is nowhere in the code", text)
	}
}

// messages adds a file's messages at the levels WARN and ERROR, and its problem
// types.
func messages(t *testing.T, path string, found map[string]string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]ast.Expr{}
	add := func(expression ast.Expr, prefix string) {
		if name, ok := expression.(*ast.Ident); ok {
			expression = constants[name.Name]
		}
		if literal, ok := expression.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil && strings.HasPrefix(text, prefix) {
				found[text] = path
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, value := range n.Values {
				constants[n.Names[i].Name] = value
				add(value, "urn:eventagg:problem:")
				add(value, "https://iana.org/assignments/http-problem-types#")
			}
		case *ast.CallExpr:
			selector, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				break
			}
			switch name := selector.Sel.Name; {
			case (name == "Warn" || name == "Error") && len(n.Args) > 0:
				add(n.Args[0], "")
			case (name == "WarnContext" || name == "ErrorContext") && len(n.Args) > 1:
				add(n.Args[1], "")
			case (name == "LogAttrs" || name == "Log") && len(n.Args) > 2:
				if level, ok := n.Args[1].(*ast.SelectorExpr); !ok || (level.Sel.Name != "LevelInfo" && level.Sel.Name != "LevelDebug") {
					add(n.Args[2], "")
				}
			}
		}
		return true
	})
}

// link finds a Markdown link or image.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestDocuments_LinksResolve follows every link between documents and files.
func TestDocuments_LinksResolve(t *testing.T) {
	t.Parallel()
	all := documents(t)
	others, err := filepath.Glob("../.github/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range others {
		all[path] = readFile(t, path)
	}
	code := regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	links := 0
	for path, text := range all {
		for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
			file, fragment, _ := strings.Cut(match[1], "#")
			if strings.Contains(file, "://") {
				continue
			}
			links++
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", path, match[1], err)
				continue
			}
			if fragment != "" && !slices.Contains(headings(readFile(t, target)), fragment) {
				t.Errorf("%s links to %s, but the heading does not exist", path, match[1])
			}
		}
	}
	if links < 40 {
		t.Errorf("found only %d links", links)
	}
}

// headings returns the anchors of a document's headings, as GitHub makes them.
func headings(text string) []string {
	var anchors []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		anchor := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		anchors = append(anchors, strings.ReplaceAll(anchor, " ", "-"))
	}
	return anchors
}
