package cmd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/eventagg/eventagg/"

// sourceFile is a Go file of the repository.
type sourceFile struct {
	name, folder string // from the root of the repository
	set          *token.FileSet
	syntax       *ast.File
}

// layers is the architecture: each package with the packages of ours that it may
// import. Packages for tests are in testPackages.
func layers() map[string]string {
	return map[string]string{
		"cmd": "...", // wires everything

		// Packages that import nothing of ours.
		"sql": "", "pkg/atomicfile": "", "pkg/size": "", "pkg/fair": "", "pkg/dashboard": "", "pkg/guide": "", "pkg/retry": "", "pkg/sampling": "", "pkg/watch": "", "pkg/certs": "", "pkg/disk": "",
		"pkg/event/payload": "", "pkg/client/transport": "", "pkg/server/openapi": "",

		// They read sizes.
		"pkg/config": "pkg/size pkg/duplicates/policy", "pkg/auth": "pkg/size",

		// It matches topics as keys do.
		"pkg/duplicates/policy": "pkg/auth",

		// The model and the contracts.
		"pkg/event":             "pkg/event/payload",
		"pkg/event/digest":      "pkg/event",
		"pkg/event/codec":       "pkg/event pkg/event/payload",
		"pkg/event/cloudevents": "pkg/event pkg/event/codec",
		"pkg/store":             "pkg/event",
		"pkg/store/identity":    "",
		"pkg/store/audit":       "",
		"pkg/queue":             "pkg/event pkg/store pkg/store/audit pkg/retry",
		"pkg/api":               "pkg/event pkg/store",

		// Implementations of the contracts, and decorators around them.
		"pkg/store/postgres": "pkg/duplicates pkg/event pkg/event/digest pkg/store pkg/store/identity pkg/store/audit pkg/retry pkg/disk sql",
		"pkg/store/sqlite":   "pkg/atomicfile pkg/duplicates pkg/event pkg/event/digest pkg/store pkg/store/identity pkg/store/audit pkg/retry pkg/disk sql",
		"pkg/queue/redis":    "pkg/event pkg/event/codec pkg/store pkg/queue pkg/retry",
		"pkg/client":         "pkg/auth pkg/event pkg/event/codec pkg/store pkg/api pkg/retry pkg/client/transport",
		"pkg/ingest":         "pkg/event pkg/store pkg/retry",
		"pkg/failover":       "pkg/event pkg/store pkg/retry",
		"pkg/topiclimit":     "pkg/event pkg/store",
		"pkg/tracing":        "pkg/event pkg/store",

		// Users of the contracts.
		"pkg/duplicates": "pkg/event pkg/store",
		"pkg/follow":     "pkg/event pkg/store pkg/retry",
		"pkg/retention":  "pkg/store pkg/retry",
		"pkg/loadgen":    "pkg/event pkg/event/codec pkg/store pkg/api pkg/retry",
		"pkg/metrics":    "pkg/event pkg/store pkg/queue",
		"pkg/doctor":     "pkg/disk pkg/store/postgres pkg/store/sqlite pkg/queue/redis",
		"pkg/export":     "pkg/atomicfile pkg/event pkg/event/codec pkg/store",
		"pkg/server":     "pkg/auth pkg/fair pkg/event pkg/event/... pkg/store pkg/queue pkg/retry pkg/follow pkg/api pkg/dashboard pkg/guide pkg/server/...",
		"pkg/terminal":   "pkg/event pkg/event/codec pkg/store pkg/api pkg/client pkg/loadgen",

		// Rooms of the server know their neighbours, but not the frame around them.
		"pkg/server/...": "pkg/auth pkg/fair pkg/event pkg/event/... pkg/store pkg/queue pkg/retry pkg/follow pkg/api pkg/server/...",
	}
}

// testPackages are imported by tests only. They know the contracts that they test,
// and no implementation.
const testPackages = "pkg/suitetest pkg/testdb pkg/event/eventtest pkg/store/storetest pkg/store/audit/audittest pkg/queue/queuetest pkg/server/openapi/openapitest pkg/certs/certstest"

const contracts = "pkg/event pkg/event/... pkg/store pkg/store/audit pkg/queue pkg/server/openapi sql"

// technologies are modules with the packages that may import them in production
// code. No other package depends on the technology.
func technologies() map[string]string {
	return map[string]string{
		"github.com/jackc/pgx":               "pkg/store/postgres scripts/...",
		"modernc.org/sqlite":                 "pkg/store/sqlite",
		"github.com/pressly/goose":           "pkg/store/postgres pkg/store/sqlite",
		"github.com/redis":                   "pkg/queue/redis scripts/...",
		"github.com/labstack":                "pkg/server pkg/server/...",
		"github.com/swaggest":                "pkg/server pkg/server/...",
		"github.com/valyala":                 "pkg/client/transport",
		"github.com/prometheus":              "pkg/metrics",
		"go.opentelemetry.io/otel/sdk":       "pkg/tracing",
		"go.opentelemetry.io/otel/exporters": "pkg/tracing",
		"github.com/spf13/viper":             "pkg/config",
		"github.com/spf13/pflag":             "pkg/config cmd",
		"github.com/spf13/cobra":             "cmd",
		"github.com/schollz/progressbar":     "pkg/terminal",
		"golang.org/x/term":                  "pkg/terminal cmd",
		"github.com/yuin/goldmark":           "pkg/guide",

		// For tests only.
		"testing": "", "pgregory.net/rapid": "", "github.com/anishathalye": "", "go.uber.org/goleak": "", "github.com/google/go-cmp": "", "github.com/cloudevents": "",
		"github.com/getkin/kin-openapi": "", "github.com/santhosh-tekuri/jsonschema": "", "k8s.io": "", "sigs.k8s.io": "", "github.com/rogpeppe/go-internal": "",
	}
}

// banned are imports with a better alternative.
func banned() map[string]string {
	return map[string]string{
		"log":                   "use log/slog with a logger passed in",
		"math/rand":             "use math/rand/v2 with a seeded source passed in",
		"github.com/pkg/errors": "use errors and fmt",
		"gopkg.in/yaml.v3":      "use go.yaml.in/yaml/v3",
	}
}

func TestPackages_ImportOnlyWhatTheArchitectureAllows(t *testing.T) {
	t.Parallel()
	for file := range goFiles(t, parser.ImportsOnly) {
		for _, spec := range file.syntax.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if problem := file.problem(imported); problem != "" {
				t.Errorf("%s imports %s: %s", file.name, imported, problem)
			}
		}
	}
}

// problem returns why the file must not import a package, or nothing.
func (f sourceFile) problem(imported string) string {
	if why := banned()[imported]; why != "" {
		return why
	}
	forTests := strings.HasSuffix(f.name, "_test.go") || among(f.folder, testPackages)
	ours, isOurs := strings.CutPrefix(imported, module)
	switch {
	case isOurs && strings.HasPrefix(f.folder, "pkg/") && (ours == "cmd" && !strings.HasSuffix(f.name, "_test.go") || ours == "pkg/config" && f.folder != "pkg/config"):
		return "cmd is the top, and copies settings into Options"
	case among(f.folder, testPackages) && isOurs && !strings.HasSuffix(f.name, "_test.go"):
		if !among(ours, contracts+" "+testPackages) {
			return "packages for tests know only contracts"
		}
		return ""
	case forTests || strings.HasPrefix(f.folder, "scripts/"):
		return ""
	case isOurs && among(ours, testPackages):
		return "it is for tests only"
	case isOurs && f.folder != ".":
		allowed, found := layers()[f.folder]
		if !found && strings.HasPrefix(f.folder, "pkg/server/") {
			allowed, found = layers()["pkg/server/..."], true
		}
		if !found || !among(ours, allowed) {
			return "not in the list of layers"
		}
	}
	for technology, allowed := range technologies() {
		if (imported == technology || strings.Contains(technology, ".") && strings.HasPrefix(imported, technology+"/")) && !among(f.folder, allowed) {
			return "only " + allowed + " may import it"
		}
	}
	return ""
}

// among reports whether a package is in a list, in which pkg/... stands for all
// packages below pkg.
func among(name, list string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(allowed string) bool {
		below, isTree := strings.CutSuffix(allowed, "...")
		return name == allowed || isTree && strings.HasPrefix(name, below)
	})
}

// goFiles parses every Go file of the repository.
func goFiles(t *testing.T, mode parser.Mode) func(func(sourceFile) bool) {
	t.Helper()
	return func(yield func(sourceFile) bool) {
		set := token.NewFileSet()
		err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && name != ".." && strings.HasPrefix(entry.Name(), "."):
				return fs.SkipDir
			case entry.IsDir() || path.Ext(name) != ".go":
				return nil
			}
			syntax, err := parser.ParseFile(set, name, nil, mode)
			if err != nil {
				return err
			}
			name = strings.TrimPrefix(filepath.ToSlash(name), "../")
			if !yield(sourceFile{name: name, folder: path.Dir(name), set: set, syntax: syntax}) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
