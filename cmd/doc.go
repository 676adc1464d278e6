// Package cmd is the command line: it turns arguments, variables and the
// configuration file into the options of the packages below, wires these
// together, and turns what comes back into output and an exit code.
//
//	argv ─▶ cobra ─▶ options of one command ─▶ run ─▶ pkg/… ─▶ table or JSON, exit code
//	        config ──┘ (flag over environment over file over default)
//
// Each command has a file of its own with a constructor newXCmd. It fills an
// options struct from flags and hands it to a run function, which tests may
// replace. Results go to standard output, everything else to standard error.
// Signals, exit codes and the terminal are known here and nowhere below.
package cmd
