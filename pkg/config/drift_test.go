package config_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/eventagg/eventagg/pkg/config"
)

const yamlFile = "../../config/eventagg.yaml"

func TestFile_HasDefaults(t *testing.T) {
	clearEnv(t)
	got, err := config.Load(config.Source{File: yamlFile})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		t.Errorf("%s differs from Default() (-default +file):\n%s", yamlFile, diff)
	}
}

func TestFile_HasEverySettingWithItsHelp(t *testing.T) {
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
		values := sections[i+1].Content
		for j := 0; j < len(values); j += 2 {
			got = append(got, values[j].HeadComment+" | "+sections[i].Value+"."+values[j].Value+": "+values[j+1].Value)
		}
	}
	for _, setting := range config.Settings() {
		want = append(want, "# "+setting.Help+" | "+setting.Key+": "+setting.Default)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings and %s differ (-settings +file):\n%s", yamlFile, diff)
	}
}

func TestSettings_HaveFlagVariableAndHelp(t *testing.T) {
	clearEnv(t)
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags, "http", "auth", "database", "tls", "ingest", "duplicates", "retention", "broker", "limits", "log", "client")
	for _, setting := range config.Settings() {
		section, name, _ := strings.Cut(setting.Key, ".")
		flag := flags.Lookup(setting.Flag)
		if flag == nil || flag.DefValue != setting.Default || flag.Usage != setting.Help || setting.Help == "" {
			t.Errorf("%s: its flag is %+v", setting.Key, flag)
		}
		short := []string{"auth.insecure", "client.url", "client.api_key", "client.api_key_file", "client.insecure_http", "client.headers", "broker.role", "broker.workers", "database.migrate"} // typed often
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

// Each source gets a value that no setting accepts. The problem must be that of the
// right setting.
func TestSettings_AreReachedByFlagVariableAndFile(t *testing.T) {
	const bad = "\u2603\x7f" // a control character, for paths
	for _, setting := range config.Settings() {
		t.Run(setting.Key, func(t *testing.T) {
			clearEnv(t)
			check := func(source string, err error) {
				t.Helper()
				if got := problems(t, err); len(got) != 1 || got[setting.Key] == "" {
					t.Errorf("by %s: problems %v", source, got)
				}
			}
			_, err := load(t, "", "--"+setting.Flag+"="+bad)
			check("flag", err)
			_, err = load(t, strings.Replace(setting.Key, ".", ":\n  ", 1)+": "+strconv.Quote(bad)+"\n")
			check("file", err)
			t.Setenv(setting.Variable, bad)
			_, err = load(t, "")
			check("variable", err)
		})
	}
}

func TestAddFlags_AddsOnlyNamedSections(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags, "database.url", "log")
	var got []string
	flags.VisitAll(func(flag *pflag.Flag) { got = append(got, flag.Name) })
	if diff := cmp.Diff([]string{"database-url", "log-format", "log-level"}, got); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
}

func TestConfig_StringHasEverySetting(t *testing.T) {
	t.Parallel()
	text := config.Default().String()
	for _, setting := range config.Settings() {
		if !strings.Contains(text, setting.Key+"="+setting.Default) {
			t.Errorf("%s=%s is not in %s", setting.Key, setting.Default, text)
		}
	}
}
