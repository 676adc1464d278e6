package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"

	"github.com/eventagg/eventagg/pkg/config"
)

// load loads a configuration from the text of a file and arguments.
func load(t *testing.T, yaml string, args ...string) (config.Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags, "http", "auth", "tls", "database", "ingest", "duplicates", "retention", "broker", "limits", "log", "client")
	if err := flags.Parse(args); err != nil {
		t.Fatalf("flags: %v", err)
	}
	return config.Load(config.Source{File: file(t, yaml), Flags: flags})
}

// file writes a configuration file and returns its path.
func file(t *testing.T, yaml string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// problems returns the problems of an error of Load or Validate by key.
func problems(t *testing.T, err error) map[string]string {
	t.Helper()
	var invalid *config.Error
	if !errors.As(err, &invalid) {
		t.Fatalf("error is %v, expected a *config.Error", err)
	}
	byKey := map[string]string{}
	for _, problem := range invalid.Problems {
		if before, twice := byKey[problem.Key]; twice {
			t.Errorf("two problems for %s: %q and %q", problem.Key, before, problem.Message)
		}
		byKey[problem.Key] = problem.Message
	}
	return byKey
}

// clearEnv unsets the variables of all settings.
func clearEnv(t *testing.T) {
	t.Helper()
	for _, setting := range config.Settings() {
		t.Setenv(setting.Variable, "")
	}
}
