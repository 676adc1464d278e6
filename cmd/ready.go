package cmd

import (
	"context"
	"crypto/tls"
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

	config config.Config
}

func (o *readyOptions) configure(c config.Config) { o.config = c }

// newReadyCmd builds the hidden `eventagg ready`, the health check of the image, which
// has no curl. It needs no API key. Without client.url it checks the server that has the
// same configuration: at http.addr, and with TLS if tls.cert is set.
func (a *app) newReadyCmd() *cobra.Command {
	var opts readyOptions
	cmd := &cobra.Command{
		Use:    "ready",
		Short:  "Exit with 0 if a server is ready, and with 1 otherwise",
		Hidden: true,
	}
	config.AddFlags(cmd.Flags(), "http.addr", "tls.cert", "client.url", "client.ca", "client.cert", "client.key")
	return build(a, cmd, &opts, nil, a.runReady)
}

func (a *app) runReady(ctx context.Context, opts readyOptions) error {
	ctx, cancel := context.WithTimeout(ctx, readyCheckTimeout)
	defer cancel()
	target := opts.config.Client
	target.APIKey, target.APIKeyFile = "", ""
	own := target.URL == config.Default().Client.URL
	if own {
		target.URL, target.CA = ownURL(opts.config), ""
	}
	options, err := a.clientOptions(ctx, target)
	if err != nil {
		return err
	}
	if own {
		skipVerification(options.TLS)
	}
	c, err := newClient(options)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Ready(ctx); err != nil {
		return explainUnreachable(target.URL, err)
	}
	return nil
}

// ownURL returns the URL of the server that has this configuration.
func ownURL(c config.Config) string {
	if c.TLS.Cert != "" {
		return "https://" + localAddress(c.HTTP.Addr)
	}
	return "http://" + localAddress(c.HTTP.Addr)
}

// skipVerification makes a client accept every certificate. The check of a server on this
// machine sends no secret. The certificate is for another name than localhost, and a
// container must not be restarted because its certificate has expired.
func skipVerification(c *tls.Config) { c.InsecureSkipVerify = true }
