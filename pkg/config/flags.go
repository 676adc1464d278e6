package config

import (
	"strings"

	"github.com/spf13/pflag"
)

// AddFlags adds flags for the settings of whole sections ("http", "database"), or
// of single settings by key. The flags accept any text. [Load] checks them together
// with the other sources, so that the error has all problems.
func AddFlags(flags *pflag.FlagSet, names ...string) {
	config := Default()
	for _, setting := range config.settings() {
		section, _, _ := strings.Cut(setting.key, ".")
		for _, name := range names {
			if name == section || name == setting.key {
				flag := flags.VarPF(&flagValue{text: setting.text(), kind: setting.kind()}, setting.flag(), "", setting.help)
				if setting.kind() == kindBool {
					flag.NoOptDefVal = "true" // the flag without a value
				}
			}
		}
	}
}

// flagValue holds the text of a flag until Load parses it.
type flagValue struct {
	text string
	kind string
}

// String returns the text of the flag.
func (v *flagValue) String() string { return v.text }

// Set accepts any text; Load checks it.
func (v *flagValue) Set(text string) error {
	if v.kind == kindLines && v.text != "" {
		text = v.text + "\n" + text
	}
	v.text = text
	return nil
}

// Type is the placeholder in help texts. Viper returns flags of types that it
// doesn't know as text, as [setting.set] expects.
func (v *flagValue) Type() string { return v.kind }

// IsBoolFlag makes help texts show the flag like other flags that need no value.
func (v *flagValue) IsBoolFlag() bool { return v.kind == kindBool }

// Setting describes a setting for documentation and tests.
type Setting struct {
	// Key is the dotted key: "database.url".
	Key string
	// Flag is the name of its flag, without dashes in front.
	Flag string
	// Variable is the name of its environment variable.
	Variable string
	// Values are all valid values if there are few: names, or true and false.
	Values []string
	// Default is the default as text.
	Default string
	// Help is one line about its effect.
	Help string
}

// Settings returns all settings in the order of config/eventagg.yaml.
func Settings() []Setting {
	config := Default()
	table := config.settings()
	settings := make([]Setting, len(table))
	for i, setting := range table {
		settings[i] = Setting{
			Key: setting.key, Flag: setting.flag(), Variable: setting.variable(),
			Default: setting.text(), Help: setting.help, Values: setting.values,
		}
		if setting.kind() == kindBool {
			settings[i].Values = []string{"true", "false"}
		}
	}
	return settings
}
