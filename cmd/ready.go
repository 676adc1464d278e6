package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
)

// readyCheckTimeout is the maximum time of one check. It is below the timeout of the
// HEALTHCHECK in scripts/Dockerfile, so that the reason gets into its log.
const readyCheckTimeout = 3 * time.Second

// readyOptions are the options of `eventagg ready`.
type readyOptions struct {
	unchecked

	client config.Client
}

func (o *readyOptions) configure(c config.Config) { o.client = c.Client }

// newReadyCmd builds the hidden `eventagg ready`, the health check of the image, which
// has no curl. It needs no API key.
func (a *app) newReadyCmd() *cobra.Command {
	var opts readyOptions
	cmd := &cobra.Command{
		Use:    "ready",
		Short:  "Exit with 0 if a server is ready, and with 1 otherwise",
		Hidden: true,
	}
	config.AddFlags(cmd.Flags(), "client")
	return build(a, cmd, &opts, nil, a.runReady)
}

func (a *app) runReady(ctx context.Context, opts readyOptions) error {
	ctx, cancel := context.WithTimeout(ctx, readyCheckTimeout)
	defer cancel()
	c, err := a.dial(opts.client, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Ready(ctx); err != nil {
		return explainUnreachable(opts.client.URL, err)
	}
	return nil
}
