// Package cmd is the command line: flags, wiring and exit codes. It is internal to
// eventagg.
//
//	argv ─▶ cobra ─▶ options of one command ─▶ run ─▶ pkg/… ─▶ pkg/terminal or JSON, exit code
//	        config ──┘ (flag over environment over file over default)
//
// Each command has its own file with a constructor newXCmd(runF). [build] fills the
// options from argv and the configuration and passes them to runF, which tests
// replace. Results go to standard output, everything else to standard error. Only this
// package knows signals and exit codes.
package cmd
