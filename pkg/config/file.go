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

// readFile reads the file into v. It returns the faults of the file as a whole
// or its unknown keys.
func readFile(v *viper.Viper, name string) []Fault {
	file := cmp.Or(name, DefaultFile)
	data, err := os.ReadFile(file)
	switch {
	case name == "" && errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return []Fault{{Key: file, Message: "can't be read: " + reason(err)}}
	}
	if err := v.ReadConfig(bytes.NewReader(data)); err != nil {
		return []Fault{{Key: file, Message: yamlFault(err)}}
	}
	return unknownKeys(v, file)
}

// reason is the operating system's word for a failure, without the file's name,
// which the fault has already.
func reason(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err.Error()
	}
	return err.Error()
}

// yamlFault words what is wrong with the text of a file. Errors about types
// quote values, which may be secrets, so they are replaced.
func yamlFault(err error) string {
	if _, ok := errors.AsType[*yaml.TypeError](err); ok {
		return "must have sections and keys such as 'http:' and below it 'addr: 127.0.0.1:8000', each only once"
	}
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	return "is no valid YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")
}

// unknownKeys returns a fault for every key in the file that is no setting. A
// section without anything in it is none: its lines may all be comments.
func unknownKeys(v *viper.Viper, file string) []Fault {
	known := knownKeys()
	var faults []Fault
	keys := v.AllKeys()
	slices.Sort(keys)
	for _, key := range keys {
		kind, found := known[key]
		switch {
		case found && kind == isSetting, found && !v.InConfig(key):
		case found:
			faults = append(faults, Fault{Key: key, Message: "must be a section with settings of its own, in " + file})
		default:
			faults = append(faults, Fault{Key: key, Message: "unknown key in " + file + suggestion(key)})
		}
	}
	return faults
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

// suggestion offers the setting that differs in dashes, dots and underscores
// only, or has the same name in another section.
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
