package config

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// DefaultFile is the configuration file that is read where none is named and it
// exists in the current folder.
const DefaultFile = "eventagg.yaml"

// Source says where a configuration comes from, besides the environment.
type Source struct {
	// File is a YAML file that must exist; empty is [DefaultFile], if there
	// is one.
	File string
	// Flags are those of the running command; the ones that were given and
	// belong to a setting count. Nil is none.
	Flags *pflag.FlagSet
}

// Load reads the configuration: flag over environment over file over default.
// An empty variable counts as unset. The error is an [*Error] with every fault
// of all sources: unknown keys, wrong types, values out of bounds, a file that
// can't be read.
func Load(source Source) (Config, error) {
	var (
		config = Default()
		leaves = config.leaves()
		v      = viper.New()
		faults []Fault
	)
	v.SetConfigType("yaml")
	for _, leaf := range leaves {
		v.SetDefault(leaf.key, leaf.text())
		if err := v.BindEnv(leaf.key, leaf.variable()); err != nil {
			return Config{}, fmt.Errorf("binding %s: %w", leaf.variable(), err)
		}
		if flag := lookup(source.Flags, leaf.flag()); flag != nil {
			if err := v.BindPFlag(leaf.key, flag); err != nil {
				return Config{}, fmt.Errorf("binding --%s: %w", leaf.flag(), err)
			}
		}
	}
	faults = append(faults, readFile(v, source.File)...)
	broken := map[string]bool{}
	for _, leaf := range leaves {
		if message := leaf.set(given(v, leaf)); message != "" {
			broken[leaf.key] = true
			faults = append(faults, Fault{Key: leaf.key, Message: message})
		}
	}
	found := config.outOfBounds()
	if serves := source.Flags == nil || lookup(source.Flags, "role") != nil; serves && !broken["broker.url"] {
		// Where serve has the broker's URL from its environment and the rest from
		// a file, other commands see half of it, and need none of it.
		found = append(found, config.brokerless()...)
	}
	// Settings that were refused before have their default.
	found = slices.DeleteFunc(found, func(fault Fault) bool { return broken[fault.Key] })
	return config, newError(append(faults, found...))
}

// given returns the setting's value by precedence, as text or as YAML has it.
func given(v *viper.Viper, leaf leaf) any {
	if raw := v.Get(leaf.key); raw != nil {
		return raw
	}
	// The file has a plain value in the section's place, which is a fault of
	// its own and hides the default.
	return leaf.text()
}

func lookup(flags *pflag.FlagSet, name string) *pflag.Flag {
	if flags == nil {
		return nil
	}
	return flags.Lookup(name)
}
