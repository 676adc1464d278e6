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

func TestLoadTakesTheFirstSourceThatHasTheSetting(t *testing.T) {
	const yaml = "ingest:\n  writers: 3\n"
	tests := map[string]struct {
		yaml, variable string
		args           []string
		want           int
	}{
		"nothing set gives the default":             {want: 2},
		"a file wins over the default":              {yaml: yaml, want: 3},
		"a variable wins over the file":             {yaml: yaml, variable: "4", want: 4},
		"a flag wins over the variable":             {yaml: yaml, variable: "4", args: []string{"--ingest-writers=5"}, want: 5},
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

func TestLoadTakesYesAndNoFromEverySource(t *testing.T) {
	const yaml = "broker:\n  allow_weak_durability: true\n"
	for name, test := range map[string]struct {
		yaml, variable string
		args           []string
		want           bool
	}{
		"nothing set is no":                       {},
		"a file says yes":                         {yaml: yaml, want: true},
		"a quoted yes is one as well":             {yaml: "broker:\n  allow_weak_durability: 'true'\n", want: true},
		"a variable wins over the file":           {yaml: yaml, variable: "false"},
		"the flag alone says yes":                 {args: []string{"--broker-allow-weak-durability"}, want: true},
		"the flag with a no wins over a variable": {variable: "true", args: []string{"--broker-allow-weak-durability=false"}},
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

func TestLoadReadsTheDefaultFileOnlyWhereThereIsOne(t *testing.T) {
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

func TestLoadNamesAFileThatIsMissing(t *testing.T) {
	clearEnv(t)
	name := filepath.Join(t.TempDir(), "missing.yaml")
	_, err := config.Load(config.Source{File: name})
	if got, want := faults(t, err)[name], "can't be read: no such file or directory"; got != want {
		t.Errorf("fault %q, expected %q", got, want)
	}
}

func TestLoadListsAllFaultsOfAllSources(t *testing.T) {
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
	got := faults(t, err)
	for key, message := range got {
		if strings.HasSuffix(message, ".yaml") {
			got[key] = "unknown"
		}
	}
	want := map[string]string{
		"log.level":           `must be debug or info or warn or error, is "loud"`,
		"ingest.max_batch":    `must be a whole number, is "many"`,
		"http.max_body_bytes": `must be a whole number, is "big"`,
		"http.idle_timeout":   "must be a duration with a unit such as 500ms, 30s or 2m, is 30",
		"http.prot":           "unknown",
		"ingest.writers":      "must be between 1 and 64, is 0",
		"http.addr":           `must be host:port such as 127.0.0.1:8000, is "nowhere"`,
		"broker.url":          "must be empty, redis://HOST:PORT, rediss://HOST:PORT or unix://PATH",
	}
	delete(got, "databse.url") // its message has the file's random name in the middle
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	for key := range want {
		if !strings.Contains(err.Error(), "\n  "+key+": ") {
			t.Errorf("the message has no line for %s:\n%v", key, err)
		}
	}
}

// TestOnlyServeNeedsWhatGoesWithABroker has the broker's URL in the environment
// of serve, as a password belongs there, and the rest in a file that others read.
func TestOnlyServeNeedsWhatGoesWithABroker(t *testing.T) {
	clearEnv(t)
	file := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(file, []byte("broker:\n  role: api\n  workers: 4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve, stats := pflag.NewFlagSet("serve", pflag.ContinueOnError), pflag.NewFlagSet("stats", pflag.ContinueOnError)
	config.AddFlags(serve, "broker")
	config.AddFlags(stats, "client")
	if _, err := config.Load(config.Source{File: file, Flags: stats}); err != nil {
		t.Errorf("a command that doesn't serve is refused: %v", err)
	}
	_, err := config.Load(config.Source{File: file, Flags: serve})
	if got := faults(t, err); len(got) != 2 || got["broker.role"] == "" || got["broker.workers"] == "" {
		t.Errorf("serve without a broker: %v, want faults of broker.role and broker.workers", got)
	}
	t.Setenv("EVENTAGG_BROKER_URL", "localhost")
	_, err = config.Load(config.Source{File: file, Flags: serve})
	if got := faults(t, err); len(got) != 1 || got["broker.url"] == "" {
		t.Errorf("serve with a broken URL: %v, want that fault only", got)
	}
	t.Setenv("EVENTAGG_BROKER_URL", "redis://localhost")
	if _, err := config.Load(config.Source{File: file, Flags: serve}); err != nil {
		t.Errorf("serve with a broker: %v", err)
	}
}

func TestLoadRefusesWrongShapes(t *testing.T) {
	tests := map[string]struct{ yaml, key, want string }{
		"a list for a number":      {"ingest:\n  writers: [1]\n", "ingest.writers", "must be a whole number, is a list"},
		"a section for a number":   {"ingest:\n  writers:\n    a: 1\n", "ingest.writers", "must be a whole number, is a section"},
		"a fraction for a number":  {"ingest:\n  writers: 2.5\n", "ingest.writers", "must be a whole number, is 2.5"},
		"a huge number":            {"ingest:\n  writers: 99999999999999999999\n", "ingest.writers", "must be a whole number"},
		"a number for a text":      {"log:\n  level: 5\n", "log.level", "must be text, is 5"},
		"a truth value for a text": {"log:\n  level: true\n", "log.level", "must be text, is true"},
		"a value for a section":    {"ingest: 5\n", "ingest", "must be a section with settings of its own, in"},
		"a key of another section": {"http:\n  writers: 1\n", "http.writers", "; did you mean ingest.writers?"},
		"a dash for an underscore": {"ingest:\n  max-batch: 1\n", "ingest.max-batch", "; did you mean ingest.max_batch?"},
		"an unknown key with null": {"zoo:\n", "zoo", "unknown key in"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			_, err := load(t, test.yaml)
			got := faults(t, err)
			if len(got) != 1 || !strings.Contains(got[test.key], test.want) {
				t.Errorf("faults %v, expected only %s with %q", got, test.key, test.want)
			}
		})
	}
}

func TestLoadNamesAFileThatIsNoYAML(t *testing.T) {
	tests := map[string]struct{ yaml, want string }{
		"a syntax error":         {"http:\n\taddr: x\n", "is no valid YAML: line 2: "},
		"a plain text":           {"postgres://eventagg:secret@host/db\n", "must have sections and keys"},
		"a key that comes twice": {"log:\n  level: info\n  level: warn\n", "must have sections and keys"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			_, err := load(t, test.yaml)
			for key, message := range faults(t, err) {
				if filepath.Base(key) != "settings.yaml" || !strings.Contains(message, test.want) {
					t.Errorf("fault %s: %s, expected the file with %q", key, message, test.want)
				}
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "postgr") {
				t.Errorf("the message shows what may be a secret: %v", err)
			}
		})
	}
}

// Whatever the values are: Load gives them back from a flag and from a file, or
// refuses them in the same words.
func TestLoadReadsFlagsAndFilesAlike(t *testing.T) {
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
				t.Errorf("accepted what is invalid: %v", err)
			}
			return
		}
		if len(faults(t, err)) == 0 {
			t.Errorf("refused without a fault")
		}
	})
}
