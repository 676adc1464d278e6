package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/eventagg/eventagg/pkg/config"
)

const clientKey = "ea_ABCDEFGHIJKLMNOPQRSTUVWXYZ_FWBBH3Q"

// TestLoad_ClientKey reads eventagg.yaml of the current folder, which may belong to
// someone else.
func TestLoad_ClientKey(t *testing.T) {
	const elsewhere = "client:\n  url: https://elsewhere.example\n"
	home := t.TempDir()
	own := filepath.Join(home, "own.key")
	if err := os.WriteFile(own, []byte(clientKey), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		yaml      string // of ./eventagg.yaml
		variables map[string]string
		args      []string
		named     bool // with --config
		key, file string
		problem   string // key of the setting; "" for none
	}{
		"from a variable":                                     {variables: map[string]string{"API_KEY": clientKey}, key: clientKey},
		"from standard input":                                 {args: []string{"--api-key", "-"}, key: "-"},
		"as an argument":                                      {args: []string{"--api-key", clientKey}, problem: "client.api_key"},
		"a password":                                          {variables: map[string]string{"API_KEY": "hunter2"}, problem: "client.api_key"},
		"a file":                                              {args: []string{"--api-key-file", own}, file: own},
		"a flag over a variable":                              {variables: map[string]string{"API_KEY": clientKey}, args: []string{"--api-key-file", own}, file: own},
		"a variable over the file":                            {yaml: "client:\n  api_key_file: a.key\n", variables: map[string]string{"API_KEY": clientKey}, key: clientKey},
		"both variables":                                      {variables: map[string]string{"API_KEY": clientKey, "API_KEY_FILE": own}, problem: "client.api_key"},
		"a certificate without a key":                         {args: []string{"--client-cert", own}, problem: "client.cert"},
		"the folder's URL without a key":                      {yaml: elsewhere},
		"the folder's URL, key of a variable":                 {yaml: elsewhere, variables: map[string]string{"API_KEY": clientKey}, problem: "client.url"},
		"the folder's URL, key file of a flag":                {yaml: elsewhere, args: []string{"--api-key-file", own}, problem: "client.url"},
		"the folder's URL, key of standard input":             {yaml: elsewhere, args: []string{"--api-key", "-"}, problem: "client.url"},
		"the folder's URL and key":                            {yaml: elsewhere + "  api_key: " + clientKey + "\n", key: clientKey},
		"the folder's URL and a key file in the folder":       {yaml: elsewhere + "  api_key_file: a.key\n", file: "a.key"},
		"the folder's URL and a key file elsewhere":           {yaml: elsewhere + "  api_key_file: " + own + "\n", problem: "client.url"},
		"the folder's URL and a key file above":               {yaml: elsewhere + "  api_key_file: ../own.key\n", problem: "client.url"},
		"the folder's URL and a link to a key file elsewhere": {yaml: elsewhere + "  api_key_file: link.key\n", problem: "client.url"},
		"the folder's URL, named, key of a variable":          {yaml: elsewhere, named: true, variables: map[string]string{"API_KEY": clientKey}, key: clientKey},
		"the folder's URL, but another one by flag":           {yaml: elsewhere, args: []string{"--url", "https://mine.example", "--api-key-file", own}, file: own},
		"the folder's URL, but another one by variable":       {yaml: elsewhere, variables: map[string]string{"API_KEY": clientKey, "URL": "https://mine.example"}, key: clientKey},
		"the folder's URL is the default":                     {yaml: "client:\n  url: http://127.0.0.1:8000\n", variables: map[string]string{"API_KEY": clientKey}, key: clientKey},
		"the folder's URL, a header of a flag":                {yaml: elsewhere, args: []string{"--header", "X-A: b"}, problem: "client.url"},
		"the folder's URL, a header of a variable":            {yaml: elsewhere, variables: map[string]string{"HEADERS": "X-A: b"}, problem: "client.url"},
		"the folder's URL and header":                         {yaml: elsewhere + "  headers: ['X-A: b', 'X-C: d']\n"},
		"the folder's URL and headers in a file elsewhere":    {yaml: elsewhere + "  headers: ['@" + own + "']\n", problem: "client.url"},
		"the folder's authority, key of a variable":           {yaml: "client:\n  ca: ca.pem\n", variables: map[string]string{"API_KEY": clientKey}, problem: "client.ca"},
		"the folder allows plain HTTP, key of a variable":     {yaml: "client:\n  insecure_http: true\n", variables: map[string]string{"API_KEY": clientKey}, problem: "client.insecure_http"},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			folder := filepath.Join(home, strings.ReplaceAll(name, " ", "_"))
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			t.Chdir(folder)
			if err := os.Symlink(own, "link.key"); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(config.DefaultFile, []byte(test.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			for variable, value := range test.variables {
				t.Setenv("EVENTAGG_CLIENT_"+variable, value)
			}
			flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
			config.AddFlags(flags, "client")
			if err := flags.Parse(test.args); err != nil {
				t.Fatal(err)
			}
			source := config.Source{Flags: flags}
			if test.named {
				source.File = config.DefaultFile
			}
			got, err := config.Load(source)
			if test.problem != "" {
				if found := problems(t, err); len(found) != 1 || found[test.problem] == "" || strings.Contains(err.Error(), clientKey) {
					t.Errorf("problems %v, expected one of %s", found, test.problem)
				}
				return
			}
			if err != nil || got.Client.APIKey != test.key || got.Client.APIKeyFile != test.file {
				t.Errorf("key %q, file %q, %v", got.Client.APIKey, got.Client.APIKeyFile, err)
			}
			if strings.Contains(got.String(), clientKey) {
				t.Errorf("the key is shown: %s", got)
			}
		})
	}
}
