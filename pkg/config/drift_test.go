package config_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/eventagg/eventagg/pkg/config"
)

const yamlFile = "../../config/eventagg.yaml"

func TestTheFileGivesTheDefault(t *testing.T) {
	clearEnv(t)
	got, err := config.Load(config.Source{File: yamlFile})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		t.Errorf("%s differs from Default() (-default +file):\n%s", yamlFile, diff)
	}
}

func TestTheFileHasEverySettingWithOneCommentLine(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(yamlFile)
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	sections := document.Content[0].Content
	for i := 0; i < len(sections); i += 2 {
		leaves := sections[i+1].Content
		for j := 0; j < len(leaves); j += 2 {
			got = append(got, leaves[j].HeadComment+" | "+sections[i].Value+"."+leaves[j].Value+": "+leaves[j+1].Value)
		}
	}
	for _, setting := range config.Settings() {
		want = append(want, "# "+setting.Help+" | "+setting.Key+": "+setting.Default)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings and %s differ (-settings +file):\n%s", yamlFile, diff)
	}
}

func TestEverySettingHasAFlagAVariableAndHelp(t *testing.T) {
	clearEnv(t)
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags, "http", "database", "ingest", "broker", "log", "client")
	for _, setting := range config.Settings() {
		section, name, _ := strings.Cut(setting.Key, ".")
		flag := flags.Lookup(setting.Flag)
		if flag == nil || flag.DefValue != setting.Default || flag.Usage != setting.Help || setting.Help == "" {
			t.Errorf("%s: its flag is %+v", setting.Key, flag)
		}
		short := []string{"client.url", "broker.role", "broker.workers"} // typed all the time
		if want := section + "-" + strings.ReplaceAll(name, "_", "-"); setting.Flag != want && !slices.Contains(short, setting.Key) {
			t.Errorf("%s: its flag is named %s, expected %s", setting.Key, setting.Flag, want)
		}
		if want := "EVENTAGG_" + strings.ToUpper(section+"_"+name); setting.Variable != want {
			t.Errorf("%s: its variable is %s, expected %s", setting.Key, setting.Variable, want)
		}
		if name == "port" {
			t.Errorf("%s: Kubernetes sets such variables itself", setting.Key)
		}
	}
}

// A value that no setting accepts, given to each by each way, is a fault of that
// setting: each way leads to the right place.
func TestEveryFlagVariableAndLineReachesItsSetting(t *testing.T) {
	const bad = "\u2603"
	for _, setting := range config.Settings() {
		t.Run(setting.Key, func(t *testing.T) {
			clearEnv(t)
			check := func(way string, err error) {
				t.Helper()
				if got := faults(t, err); len(got) != 1 || got[setting.Key] == "" {
					t.Errorf("by %s: faults %v", way, got)
				}
			}
			_, err := load(t, "", "--"+setting.Flag+"="+bad)
			check("flag", err)
			_, err = load(t, strings.Replace(setting.Key, ".", ":\n  ", 1)+": "+bad+"\n")
			check("file", err)
			t.Setenv(setting.Variable, bad)
			_, err = load(t, "")
			check("variable", err)
		})
	}
}

func TestAddFlagsAddsOnlyWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags, "database.url", "log")
	var got []string
	flags.VisitAll(func(flag *pflag.Flag) { got = append(got, flag.Name) })
	if diff := cmp.Diff([]string{"database-url", "log-format", "log-level"}, got); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
}

func TestTheStringHasEverySetting(t *testing.T) {
	t.Parallel()
	text := config.Default().String()
	for _, setting := range config.Settings() {
		if !strings.Contains(text, setting.Key+"="+setting.Default) {
			t.Errorf("%s=%s is not in %s", setting.Key, setting.Default, text)
		}
	}
}
