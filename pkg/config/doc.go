// Package config is the configuration as a validated value.
//
// One table of leaves ([Config.leaves], a dotted key each) is the source of
// everything else: defaults, flags, environment variables, the keys that the
// YAML file may have, and what is checked. [Load] reads flag over environment
// over file over default through one viper that is forgotten afterwards, and
// reports all faults at once, each by its key.
//
// Only package cmd imports this package; it copies values into the Options of
// the packages below. Secrets (the passwords in URLs) are cut out of whatever
// the package prints.
package config
