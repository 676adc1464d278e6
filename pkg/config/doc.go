// Package config reads the configuration and returns it as a validated value. It is
// internal to eventagg.
//
//	flag > environment > file > default ──▶ viper ──▶ table of settings ──▶ Config, or all problems
//
// One table of settings ([Config.settings]) is the source of defaults, flags,
// environment variables, the keys of the YAML file and the checks. [Load] reads all
// sources and reports all problems at once, each by its key.
//
// Only package cmd imports this package. It copies values into the Options of the
// packages below. Nothing that this package prints contains a password.
package config
