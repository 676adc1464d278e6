package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
)

// readFile reads the file into v. It returns the problems of the whole file, or its
// unknown keys.
func readFile(v *viper.Viper, name string) []Problem {
	file := cmp.Or(name, DefaultFile)
	data, err := os.ReadFile(file)
	switch {
	case name == "" && errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return []Problem{{Key: file, Message: "can't read the file: " + reason(err)}}
	}
	if err := v.ReadConfig(bytes.NewReader(data)); err != nil {
		return []Problem{{Key: file, Message: yamlProblem(err)}}
	}
	return unknownKeys(v, file)
}

// reason returns the error of the operating system without the name of the file,
// which the problem has already.
func reason(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err.Error()
	}
	return err.Error()
}

// yamlProblem returns the message for a file that isn't valid. It replaces errors
// about types, because they quote values, which may be secrets.
func yamlProblem(err error) string {
	if _, ok := errors.AsType[*yaml.TypeError](err); ok {
		return "must have sections and keys such as 'http:' and below it 'addr: 127.0.0.1:8000', each only once"
	}
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	return "invalid YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")
}

// unknownKeys returns a problem for every unknown key in the file. An empty section
// is allowed: all its lines may be comments.
func unknownKeys(v *viper.Viper, file string) []Problem {
	known := knownKeys()
	var problems []Problem
	keys := v.AllKeys()
	slices.Sort(keys)
	for _, key := range keys {
		kind, found := known[key]
		switch {
		case found && kind == isSetting, found && !v.InConfig(key):
		case found:
			problems = append(problems, Problem{Key: key, Message: "must be a section with settings in " + file})
		default:
			problems = append(problems, Problem{Key: key, Message: "unknown key in " + file + suggestion(key)})
		}
	}
	return problems
}

type keyKind int

const (
	isSetting keyKind = iota + 1
	isSection
)

func knownKeys() map[string]keyKind {
	known := map[string]keyKind{}
	for _, setting := range Settings() {
		section, _, _ := strings.Cut(setting.Key, ".")
		known[section] = isSection
		known[setting.Key] = isSetting
	}
	return known
}

// suggestion returns a hint at the setting that differs only in dashes, dots and
// underscores, or that has the same name in another section.
func suggestion(key string) string {
	squeeze := strings.NewReplacer("_", "", "-", "", ".", "")
	for _, setting := range Settings() {
		_, name, _ := strings.Cut(setting.Key, ".")
		if squeeze.Replace(setting.Key) == squeeze.Replace(key) || strings.HasSuffix("."+key, "."+name) {
			return fmt.Sprintf("; did you mean %s?", setting.Key)
		}
	}
	return ""
}
