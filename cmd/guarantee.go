package cmd

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/doctor"
	"github.com/eventagg/eventagg/pkg/retry"
)

// reportGuarantee logs which guarantee holds, and warns about settings that weaken it. It
// does so in a goroutine, when the database and the queue can be reached. The function
// that it returns ends the goroutine and waits for that.
func reportGuarantee(ctx context.Context, c config.Config, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		pause := retry.Backoff{Min: time.Second, Max: time.Minute}
		for ctx.Err() == nil {
			facts := gatherDurability(ctx, c)
			if facts.DatabaseError == nil && facts.QueueError == nil {
				logGuarantee(ctx, doctor.Judge(facts), log)
				return
			}
			_ = retry.Sleep(ctx, pause.Next())
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// logGuarantee logs the parts of a report that are about losing events.
func logGuarantee(ctx context.Context, r doctor.Report, log *slog.Logger) {
	s := r.Guarantee.Survives
	attributes := []slog.Attr{
		slog.Group("survives", slog.String("process_crash", string(s.ProcessCrash.Holds)), slog.String("database_crash", string(s.DatabaseCrash.Holds)),
			slog.String("power_loss", string(s.PowerLoss.Holds)), slog.String("machine_loss", string(s.MachineLoss.Holds)),
			slog.String("failover", string(s.Failover.Holds))),
		slog.String("exact_across_instances", string(r.Guarantee.Exact.Holds)),
	}
	if q := r.Guarantee.Queued; q != nil {
		attributes = append(attributes, slog.String("queued_durable", string(q.Holds)), slog.Int("queued_machines", q.Machines))
	}
	log.LogAttrs(ctx, slog.LevelInfo, "guarantee of stored events", attributes...)
	// One record for each dependency: a second one with the same message would be held back
	// as part of a flood.
	for _, dependency := range []string{"database", "queue"} {
		var reasons []string
		for _, f := range r.Weakening() {
			if f.Dependency == dependency {
				reasons = append(reasons, f.Message)
			}
		}
		if len(reasons) > 0 {
			log.WarnContext(ctx, "guarantee weakened", slog.String("dependency", dependency), slog.String("reason", strings.Join(reasons, "; ")),
				slog.String("consequence", "see 'eventagg doctor' for each fix"))
		}
	}
}
