package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/config"
)

func TestLoad_PrefersFlagThenVariableThenFile(t *testing.T) {
	const yaml = "ingest:\n  writers: 3\n"
	tests := map[string]struct {
		yaml, variable string
		args           []string
		want           int
	}{
		"default":            {want: 2},
		"file over default":  {yaml: yaml, want: 3},
		"variable over file": {yaml: yaml, variable: "4", want: 4},
		"flag over variable": {yaml: yaml, variable: "4", args: []string{"--ingest-writers=5"}, want: 5},
		"a flag wins even with the default's value": {yaml: yaml, variable: "4", args: []string{"--ingest-writers=2"}, want: 2},
		"an empty variable counts as unset":         {yaml: yaml, variable: "", want: 3},
		"a file without a value gives the default":  {yaml: "ingest:\n  writers:\n", want: 2},
		"an empty section gives the default":        {yaml: "ingest:\n", want: 2},
		"a dotted key means the same":               {yaml: "ingest.writers: 3\n", want: 3},
		"keys are read without regard to case":      {yaml: "Ingest:\n  Writers: 3\n", want: 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			t.Setenv("EVENTAGG_INGEST_WRITERS", test.variable)
			got, err := load(t, test.yaml, test.args...)
			if err != nil {
				t.Fatal(err)
			}
			want := config.Default()
			want.Ingest.Writers = test.want
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoad_ReadsBooleansFromEverySource(t *testing.T) {
	const yaml = "broker:\n  allow_weak_durability: true\n"
	for name, test := range map[string]struct {
		yaml, variable string
		args           []string
		want           bool
	}{
		"default is false":          {},
		"file":                      {yaml: yaml, want: true},
		"quoted text in a file":     {yaml: "broker:\n  allow_weak_durability: 'true'\n", want: true},
		"variable over file":        {yaml: yaml, variable: "false"},
		"flag without a value":      {args: []string{"--broker-allow-weak-durability"}, want: true},
		"flag over variable, false": {variable: "true", args: []string{"--broker-allow-weak-durability=false"}},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			t.Setenv("EVENTAGG_BROKER_ALLOW_WEAK_DURABILITY", test.variable)
			got, err := load(t, test.yaml, test.args...)
			if err != nil || got.Broker.AllowWeakDurability != test.want {
				t.Errorf("it is %t, %v, expected %t", got.Broker.AllowWeakDurability, err, test.want)
			}
		})
	}
}

func TestLoad_ReadsDefaultFileIfItExists(t *testing.T) {
	clearEnv(t)
	t.Chdir(filepath.Dir(file(t, "log:\n  level: warn\n")))
	got, err := config.Load(config.Source{})
	if err != nil || got != config.Default() {
		t.Errorf("without the file: %v, %v, expected the default", got, err)
	}
	got, err = config.Load(config.Source{File: "settings.yaml"})
	if err != nil || got.Log.Level != "warn" {
		t.Errorf("with a file named: level %q, %v, expected warn", got.Log.Level, err)
	}
}

func TestLoad_NamesMissingFile(t *testing.T) {
	clearEnv(t)
	name := filepath.Join(t.TempDir(), "missing.yaml")
	_, err := config.Load(config.Source{File: name})
	if got, want := problems(t, err)[name], "can't read the file: no such file or directory"; got != want {
		t.Errorf("problem %q, expected %q", got, want)
	}
}

func TestLoad_ReportsAllProblemsOfAllSources(t *testing.T) {
	clearEnv(t)
	t.Setenv("EVENTAGG_LOG_LEVEL", "loud")
	t.Setenv("EVENTAGG_INGEST_MAX_BATCH", "many")
	_, err := load(t, `
http:
  max_body_bytes: big
  idle_timeout: 30
  prot: 80
ingest:
  writers: 0
databse:
  url: x
`, "--http-addr=nowhere", "--broker-url=localhost")
	got := problems(t, err)
	for key, message := range got {
		if strings.HasSuffix(message, ".yaml") {
			got[key] = "unknown"
		}
	}
	want := map[string]string{
		"log.level":           `must be debug, info, warn or error, not "loud"`,
		"ingest.max_batch":    `must be a whole number, not "many"`,
		"http.max_body_bytes": `must be a size such as 16MiB, 16MB or 16777216 (bytes), not "big"`,
		"http.idle_timeout":   "must be a duration with a unit such as 500ms, 30s or 2m, not 30",
		"http.prot":           "unknown",
		"ingest.writers":      "must be between 1 and 64, not 0",
		"http.addr":           `must be host:port such as 127.0.0.1:8000, not "nowhere"`,
		"broker.url":          "must be empty, redis://HOST:PORT, rediss://HOST:PORT or unix://PATH",
	}
	delete(got, "databse.url") // its message has the file's random name in the middle
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	for key := range want {
		if !strings.Contains(err.Error(), "\n  "+key+": ") {
			t.Errorf("the message has no line for %s:\n%v", key, err)
		}
	}
}

func TestLoad_RejectsUnknownVariables(t *testing.T) {
	const unknown = "unknown environment variable ('eventagg help configuration' lists all)"
	for name, test := range map[string]struct {
		variable, value, want string
	}{
		"a misspelled key":                       {"EVENTAGG_HTTP_ADRR", ":9000", unknown},
		"a key of a later version":               {"EVENTAGG_DATABASE_NEW_KEY", "x", unknown},
		"a section alone":                        {"EVENTAGG_LOG", "debug", unknown},
		"an empty variable counts as unset":      {"EVENTAGG_HTTP_ADRR", "", ""},
		"no section of ours":                     {"EVENTAGG_VERSION", "1.2", ""},
		"the address of a Service in Kubernetes": {"EVENTAGG_PORT", "tcp://10.0.0.1:80", ""},
		"a Service with the name of a section":   {"EVENTAGG_HTTP_PORT", "tcp://10.0.0.1:80", ""},
		"a port that someone typed":              {"EVENTAGG_HTTP_PORT", "9000", unknown},
		"its host":                               {"EVENTAGG_HTTP_SERVICE_HOST", "10.0.0.1", ""},
		"its named port":                         {"EVENTAGG_BROKER_SERVICE_PORT_REDIS", "6379", ""},
		"a part of its address":                  {"EVENTAGG_DATABASE_PORT_5432_TCP_ADDR", "10.0.0.1", ""},
		"another program's":                      {"HTTP_ADRR", "x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			t.Setenv(test.variable, test.value)
			_, err := load(t, "")
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if diff := cmp.Diff(map[string]string{test.variable: test.want}, problems(t, err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// The URL is in the environment of serve, because it has a password. The rest is in
// a file that other commands read, too.
func TestLoad_ChecksBrokerRulesForServeOnly(t *testing.T) {
	clearEnv(t)
	file := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(file, []byte("broker:\n  role: api\n  workers: 4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve, stats := pflag.NewFlagSet("serve", pflag.ContinueOnError), pflag.NewFlagSet("stats", pflag.ContinueOnError)
	config.AddFlags(serve, "broker")
	config.AddFlags(stats, "client")
	if _, err := config.Load(config.Source{File: file, Flags: stats}); err != nil {
		t.Errorf("another command than serve fails: %v", err)
	}
	_, err := config.Load(config.Source{File: file, Flags: serve})
	if got := problems(t, err); len(got) != 2 || got["broker.role"] == "" || got["broker.workers"] == "" {
		t.Errorf("serve without broker.url: %v, want problems of broker.role and broker.workers", got)
	}
	t.Setenv("EVENTAGG_BROKER_URL", "localhost")
	_, err = config.Load(config.Source{File: file, Flags: serve})
	if got := problems(t, err); len(got) != 1 || got["broker.url"] == "" {
		t.Errorf("serve with an invalid URL: %v, want that problem only", got)
	}
	t.Setenv("EVENTAGG_BROKER_URL", "redis://localhost")
	if _, err := config.Load(config.Source{File: file, Flags: serve}); err != nil {
		t.Errorf("serve with broker.url: %v", err)
	}
}

func TestLoad_RejectsWrongTypes(t *testing.T) {
	tests := map[string]struct{ yaml, key, want string }{
		"a list for a number":      {"ingest:\n  writers: [1]\n", "ingest.writers", "must be a whole number, not a list"},
		"a section for a number":   {"ingest:\n  writers:\n    a: 1\n", "ingest.writers", "must be a whole number, not a section"},
		"a fraction for a number":  {"ingest:\n  writers: 2.5\n", "ingest.writers", "must be a whole number, not 2.5"},
		"a huge number":            {"ingest:\n  writers: 99999999999999999999\n", "ingest.writers", "must be a whole number"},
		"a number for a text":      {"log:\n  level: 5\n", "log.level", "must be text, not 5"},
		"a boolean for a text":     {"log:\n  level: true\n", "log.level", "must be text, not true"},
		"a value for a section":    {"ingest: 5\n", "ingest", "must be a section with settings in"},
		"a key of another section": {"http:\n  writers: 1\n", "http.writers", "; did you mean ingest.writers?"},
		"a dash for an underscore": {"ingest:\n  max-batch: 1\n", "ingest.max-batch", "; did you mean ingest.max_batch?"},
		"an unknown key with null": {"zoo:\n", "zoo", "unknown key in"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			_, err := load(t, test.yaml)
			got := problems(t, err)
			if len(got) != 1 || !strings.Contains(got[test.key], test.want) {
				t.Errorf("problems %v, expected only %s with %q", got, test.key, test.want)
			}
		})
	}
}

func TestLoad_NamesInvalidFile(t *testing.T) {
	tests := map[string]struct{ yaml, want string }{
		"a syntax error":         {"http:\n\taddr: x\n", "invalid YAML: line 2: "},
		"a plain text":           {"postgres://eventagg:secret@host/db\n", "must have sections and keys"},
		"a key that comes twice": {"log:\n  level: info\n  level: warn\n", "must have sections and keys"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			_, err := load(t, test.yaml)
			for key, message := range problems(t, err) {
				if filepath.Base(key) != "settings.yaml" || !strings.Contains(message, test.want) {
					t.Errorf("problem %s: %s, expected the file with %q", key, message, test.want)
				}
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "postgr") {
				t.Errorf("the message may show a secret: %v", err)
			}
		})
	}
}

// Load returns the same value or the same error for a flag and for the file.
func TestLoad_ReadsFlagsAndFilesAlike(t *testing.T) {
	clearEnv(t)
	rapid.Check(t, func(rt *rapid.T) {
		writers := rapid.Int64Range(-10, 100).Draw(rt, "writers")
		wait := time.Duration(rapid.Int64Range(-1e9, 5e12).Draw(rt, "wait"))
		level := rapid.SampledFrom([]string{"debug", "info", "warn", "error", "loud", "Info", ""}).Draw(rt, "level")
		writersText := rapid.SampledFrom([]string{"", "0"}).Draw(rt, "zeros") + itoa(writers)
		if writers < 0 {
			writersText = itoa(writers)
		}
		byFlag, errFlag := load(t, "", "--ingest-writers="+writersText, "--http-read-timeout="+wait.String(), "--log-level="+level)
		byFile, errFile := load(t, "ingest:\n  writers: "+itoa(writers)+"\nhttp:\n  read_timeout: "+wait.String()+"\nlog:\n  level: \""+level+"\"\n")
		if diff := cmp.Diff(byFlag, byFile); diff != "" {
			rt.Errorf("flags and file differ:\n%s", diff)
		}
		if (errFlag == nil) != (errFile == nil) || (errFlag != nil && errFlag.Error() != errFile.Error()) {
			rt.Errorf("flags: %v\nfile: %v", errFlag, errFile)
		}
		if errFlag == nil && (byFlag.Ingest.Writers != int(writers) || byFlag.HTTP.ReadTimeout != wait || byFlag.Log.Level != level) {
			rt.Errorf("accepted %d, %s, %q but gave %v", writers, wait, level, byFlag)
		}
	})
}

// Load never panics, and what it accepts is valid.
func FuzzLoad(f *testing.F) {
	f.Add("http:\n  addr: 127.0.0.1:1\n", "3", "1s")
	f.Add("ingest: [1, {a: 2}]\n1: 2\n", "", "")
	f.Add("? [a]\n: b\n", "x", "9999h")
	f.Add("a: &a [*a]", "1e3", "-1s")
	for _, setting := range config.Settings() {
		f.Setenv(setting.Variable, "")
	}
	f.Fuzz(func(t *testing.T, yaml, writers, timeout string) {
		got, err := load(t, yaml, "--ingest-writers="+writers, "--http-read-timeout="+timeout)
		if err == nil {
			err = got.Validate()
			if err != nil {
				t.Errorf("accepted an invalid value: %v", err)
			}
			return
		}
		if len(problems(t, err)) == 0 {
			t.Errorf("rejected without a problem")
		}
	})
}
