package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// origin is the source of a setting. A higher one has precedence.
type origin int

const (
	fromDefault origin = iota
	fromFile
	fromVariable
	fromFlag
)

// originsOf returns the origin of every setting whose value is not the default.
func originsOf(v *viper.Viper, flags *pflag.FlagSet, settings []setting) map[string]origin {
	defaults := Default()
	origins := map[string]origin{}
	for i, usual := range defaults.settings() {
		setting := settings[i]
		if setting.text() == usual.text() {
			continue
		}
		switch flag := findFlag(flags, setting.flag()); {
		case flag != nil && flag.Changed:
			origins[setting.key] = fromFlag
		case os.Getenv(setting.variable()) != "":
			origins[setting.key] = fromVariable
		case v.InConfig(setting.key):
			origins[setting.key] = fromFile
		}
	}
	return origins
}

// Keys of settings with rules of their own.
const (
	keyClientKey     = "client.api_key"
	keyClientKeyFile = "client.api_key_file"
	keyClientHeaders = "client.headers"
)

// standardInput in place of an API key makes the command read it from there.
const standardInput = "-"

// apiKey never shows the value. The checksum of a key is checked by the command that
// uses it.
func apiKey(value any) string {
	if text, _ := value.(string); text != "" && text != standardInput && !strings.HasPrefix(text, "ea_") {
		return "must be an API key as 'eventagg key new' prints it"
	}
	return ""
}

// chooseKey keeps one of key and key file: that of the origin with precedence. It returns
// the problems that depend on origins. inFolder is set if the file is that of the current
// folder, which may belong to someone else.
func (c *Client) chooseKey(origins map[string]origin, inFolder bool) []Problem {
	var problems []Problem
	key, file := origins[keyClientKey], origins[keyClientKeyFile]
	switch {
	case key == fromFlag && c.APIKey != standardInput:
		problems = append(problems, Problem{Key: keyClientKey, Message: "must not be an argument, which other users of the machine can see: " +
			"use --api-key-file FILE, EVENTAGG_CLIENT_API_KEY, or --api-key - to read it from standard input"})
	case key > file:
		c.APIKeyFile, file = "", fromDefault
	case file > key:
		c.APIKey, key = "", fromDefault
	case key != fromDefault:
		problems = append(problems, Problem{Key: keyClientKey, Message: "must not be set together with client.api_key_file"})
	}
	if (c.Cert == "") != (c.Key == "") {
		problems = append(problems, Problem{Key: "client.cert", Message: "must be set together with client.key"})
	}
	foreign := key > fromFile || file > fromFile || file == fromFile && !liesHere(c.APIKeyFile)
	if inFolder && (foreign || c.Headers.foreign(origins[keyClientHeaders])) {
		problems = append(problems, foreignDestination(origins)...)
	}
	return problems
}

// foreignDestination returns a problem for each setting of the file in the current folder
// that decides to which server a key is sent. Without this check the file of a cloned
// repository could make a command send the user's key to another server.
func foreignDestination(origins map[string]origin) []Problem {
	var problems []Problem
	for _, key := range []string{"client.url", "client.ca", "client.insecure_http"} {
		if origins[key] == fromFile {
			problems = append(problems, Problem{Key: key, Message: "comes from " + DefaultFile + " in the current folder, and the API key or a header does not: " +
				"it is not sent, because the folder may belong to someone else (name the file: --config " + DefaultFile + ", or use --url)"})
		}
	}
	return problems
}

// headerLines is the rule of client.headers. The command that sends them checks the rest.
func headerLines(value any) string {
	lines, _ := value.(Lines)
	for _, item := range lines.Items() {
		if _, file := headerFile(item); !file && (!strings.Contains(item, ":") || strings.ContainsRune(item, '\x7f')) {
			return "must have the form 'Name: value', or @FILE"
		}
	}
	return ""
}

// headerFile returns the file that an item of client.headers names.
func headerFile(item string) (path string, ok bool) {
	return strings.CutPrefix(strings.TrimSpace(item), "@")
}

// foreign reports whether headers come from elsewhere than the current folder, so that
// they may be secrets of the user.
func (l Lines) foreign(from origin) bool {
	if from > fromFile {
		return true
	}
	return slices.ContainsFunc(l.Items(), func(item string) bool {
		path, file := headerFile(item)
		return file && !liesHere(path)
	})
}

// Resolve returns the header lines, with those of files in place of their names.
func (l Lines) Resolve() ([]string, error) {
	var lines []string
	for _, item := range l.Items() {
		path, file := headerFile(item)
		if !file {
			lines = append(lines, item)
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		lines = append(lines, strings.Split(string(text), "\n")...)
	}
	return lines, nil
}

// liesHere reports whether a file is in the current folder or below it. A link to a file
// elsewhere is not.
func liesHere(path string) bool {
	folder, err := filepath.Abs(".")
	if err != nil {
		return false
	}
	if folder, err = filepath.EvalSymlinks(folder); err != nil {
		return false
	}
	if path, err = filepath.Abs(path); err != nil {
		return false
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return os.IsNotExist(err) // reading it fails
	}
	relative, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(relative)
}
