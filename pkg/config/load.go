package config

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// DefaultFile is the configuration file in the current folder. It is read if no
// file is named and it exists.
const DefaultFile = "eventagg.yaml"

// Source names the sources of a configuration besides the environment.
type Source struct {
	// File is a YAML file that must exist. If it is empty, [DefaultFile] is read if
	// it exists.
	File string
	// Flags are the flags of the command, or nil. Only those that were given, and
	// that belong to a setting, are used.
	Flags *pflag.FlagSet
}

// Load reads the configuration: flag over environment over file over default. An
// empty variable counts as unset. The error is an [*Error] with every problem of all
// sources: unknown keys and variables, wrong types, invalid values, a file that can't be read.
func Load(source Source) (Config, error) {
	var (
		config   = Default()
		settings = config.settings()
		v        = viper.New()
		problems []Problem
	)
	v.SetConfigType("yaml")
	for _, setting := range settings {
		v.SetDefault(setting.key, setting.text())
		if err := v.BindEnv(setting.key, setting.variable()); err != nil {
			return Config{}, fmt.Errorf("bind %s: %w", setting.variable(), err)
		}
		if flag := findFlag(source.Flags, setting.flag()); flag != nil {
			if err := v.BindPFlag(setting.key, flag); err != nil {
				return Config{}, fmt.Errorf("bind --%s: %w", setting.flag(), err)
			}
		}
	}
	problems = append(problems, unknownVariables(settings)...)
	problems = append(problems, readFile(v, source.File)...)
	unparsed := map[string]bool{}
	for _, setting := range settings {
		if message := setting.set(lookup(v, setting)); message != "" {
			unparsed[setting.key] = true
			problems = append(problems, Problem{Key: setting.key, Message: message})
		}
	}
	invalid := append(config.invalidValues(), config.retentionRules()...)
	if serves := source.Flags == nil || findFlag(source.Flags, "role") != nil; serves {
		// Other commands may see only a part of these settings, if serve has the rest
		// in its environment. They don't use them.
		invalid = append(invalid, config.tlsRules()...)
		invalid = append(invalid, config.accessRules()...)
		if !unparsed["broker.url"] {
			invalid = append(invalid, config.brokerRules()...)
		}
	}
	if findFlag(source.Flags, "url") != nil && len(problems)+len(invalid) == 0 {
		invalid = config.Client.chooseKey(originsOf(v, source.Flags, settings), source.File == "")
	}
	// A setting that could not be parsed still has its default, which is no problem.
	invalid = slices.DeleteFunc(invalid, func(problem Problem) bool { return unparsed[problem.Key] })
	return config, newError(append(problems, invalid...))
}

// lookup returns the value of a setting by precedence, as text or from YAML.
func lookup(v *viper.Viper, setting setting) any {
	if raw := v.Get(setting.key); raw != nil {
		return raw
	}
	// The file has a plain value instead of the section. That is a problem of its
	// own, and it hides the default.
	return setting.text()
}

func findFlag(flags *pflag.FlagSet, name string) *pflag.Flag {
	if flags == nil {
		return nil
	}
	return flags.Lookup(name)
}
