package config

import (
	"strings"

	"github.com/spf13/pflag"
)

// AddFlags adds to a command's flags those of the settings in the sections
// named ("http", "database"), or of single settings by their whole key. The
// flags take any text: [Load] checks it with all the rest, so that a command
// line with three faults is told of three.
func AddFlags(flags *pflag.FlagSet, names ...string) {
	config := Default()
	for _, leaf := range config.leaves() {
		section, _, _ := strings.Cut(leaf.key, ".")
		for _, name := range names {
			if name == section || name == leaf.key {
				flag := flags.VarPF(&flagValue{text: leaf.text(), kind: leaf.kind()}, leaf.flag(), "", leaf.help)
				if _, ok := leaf.target.(*bool); ok {
					flag.NoOptDefVal = "true" // the flag alone says yes
				}
			}
		}
	}
}

// flagValue keeps a flag's text until Load reads it.
type flagValue struct {
	text string
	kind string
}

// String returns the text as it was given.
func (v *flagValue) String() string { return v.text }

// Set takes any text; Load finds what is wrong with it.
func (v *flagValue) Set(text string) error {
	v.text = text
	return nil
}

// Type is the placeholder in help texts. Viper reads values of types it doesn't
// know as text, which is what [leaf.set] wants.
func (v *flagValue) Type() string { return v.kind }

// Setting describes one setting for documentation and its tests.
type Setting struct {
	// Key is the dotted key, as in the file: "database.url".
	Key string
	// Flag is the name of its flag, without dashes before it.
	Flag string
	// Variable is the name of its environment variable.
	Variable string
	// Default is the default's text.
	Default string
	// Help is one line that says what it does.
	Help string
}

// Settings lists all settings in the order of config/eventagg.yaml.
func Settings() []Setting {
	config := Default()
	leaves := config.leaves()
	settings := make([]Setting, len(leaves))
	for i, leaf := range leaves {
		settings[i] = Setting{
			Key: leaf.key, Flag: leaf.flag(), Variable: leaf.variable(),
			Default: leaf.text(), Help: leaf.help,
		}
	}
	return settings
}
