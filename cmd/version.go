package cmd

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionInfo is the result of `eventagg version` as JSON.
type versionInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// newVersionCmd builds `eventagg version`.
func (a *app) newVersionCmd() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  eventagg version\n  eventagg version -o json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			info := a.versionInfo()
			if format.json() {
				return writeJSON(a.out, info)
			}
			_, err := fmt.Fprintf(a.out, "eventagg %s (%s, %s)\n", info.Version, info.Go, info.Platform)
			return err
		},
	}
	format.addFlag(cmd)
	return cmd
}

func (a *app) versionInfo() versionInfo {
	info := versionInfo{
		Version:  a.version,
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	for _, setting := range build.Settings {
		if setting.Key == "vcs.revision" {
			info.Commit = setting.Value
		}
	}
	return info
}
