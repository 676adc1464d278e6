package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/loadgen"
)

// demoResult is the result of demo as JSON: the results of the other commands in one
// object.
type demoResult struct {
	Publish json.RawMessage `json:"publish"`
	Stats   json.RawMessage `json:"stats"`
	// Events are the last events, oldest first.
	Events []json.RawMessage `json:"events"`
}

// show publishes to the server, verifies, and prints the counters and last events.
func (a *app) show(ctx context.Context, url string, opts demoOptions) error {
	responses := new(loadgen.Responses)
	target, err := client.New(client.Options{
		URL: url, Concurrency: demoConcurrency, UserAgent: "eventagg/" + a.version, OnResponse: responses.Count,
	})
	if err != nil {
		return err
	}
	defer target.Close()
	if opts.format.json() {
		return a.showJSON(ctx, target, demoPublish(url, opts, responses))
	}
	err = a.publish(ctx, httpTarget{target}, demoPublish(url, opts, responses))
	if err != nil {
		return err
	}
	_, errStats := fmt.Fprintln(a.out, "\neventagg stats")
	errStats = errors.Join(errStats, a.showStats(ctx, target, statsOptions{client: config.Client{URL: url}}))
	_, errTail := fmt.Fprintf(a.out, "\neventagg tail --limit %d\n", demoTail)
	return errors.Join(errStats, errTail, a.showTail(ctx, target, tailOptions{client: config.Client{URL: url}, limit: demoTail}))
}

func demoPublish(url string, opts demoOptions, responses *loadgen.Responses) publishOptions {
	return publishOptions{
		client: config.Client{URL: url}, format: opts.format, verify: true, wait: true, waitTimeout: demoWait,
		generate: loadgen.GeneratorOptions{Count: opts.count, DupRate: demoDupRate},
		send:     loadgen.Options{Concurrency: demoConcurrency, Responses: responses},
	}
}

// showJSON combines the JSON of the commands. The report of publish is printed even
// if it failed.
func (a *app) showJSON(ctx context.Context, target *client.Client, opts publishOptions) error {
	var published, stats, events bytes.Buffer
	err := a.printingTo(&published).publish(ctx, httpTarget{target}, opts)
	if err != nil {
		_, errWrite := published.WriteTo(a.out)
		return errors.Join(err, errWrite)
	}
	err = errors.Join(
		a.printingTo(&stats).showStats(ctx, target, statsOptions{client: opts.client, format: opts.format}),
		a.printingTo(&events).showTail(ctx, target, tailOptions{client: opts.client, format: tailFormat{outputFormat: opts.format}, limit: demoTail}),
	)
	if err != nil {
		return err
	}
	result := demoResult{Publish: published.Bytes(), Stats: stats.Bytes(), Events: []json.RawMessage{}}
	for line := range bytes.Lines(events.Bytes()) {
		result.Events = append(result.Events, line)
	}
	return writeJSON(a.out, result)
}

// printingTo returns the same app with its results written to out.
func (a *app) printingTo(out *bytes.Buffer) *app {
	other := *a
	other.out = out
	return &other
}
