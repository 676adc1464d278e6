// Command eventagg receives events over HTTP, stores each exactly once, and
// shows what happens. Package cmd has its subcommands.
package main

import (
	"os"

	"github.com/eventagg/eventagg/cmd"
)

// version is stamped into release builds by the linker.
var version = "dev"

func main() {
	os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, version))
}
