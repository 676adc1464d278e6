package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// options are the flags.
type options struct {
	binary, folder, picture, log string
	length                       time.Duration
	memory                       int64 // MiB
	p99                          time.Duration
	only                         string
	serve                        string // further flags of the server
	attack                       string // address of the server, in the process that attacks it
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "", "eventagg binary to run")
	flag.StringVar(&o.folder, "folder", "", "folder for the database")
	flag.StringVar(&o.picture, "picture", "exhaustion.svg", "file for the picture")
	flag.StringVar(&o.log, "log", "", "file for the log of the server")
	flag.DurationVar(&o.length, "for", time.Minute, "time of the whole run, with five seconds without attacks at the start and at the end")
	flag.Int64Var(&o.memory, "memory", 256, "maximum memory of the server in MiB")
	flag.DurationVar(&o.p99, "p99", time.Second, "maximum p99 latency of the well-behaved sender")
	flag.StringVar(&o.only, "only", "", "run only attacks whose name contains this")
	flag.StringVar(&o.serve, "serve", "", "further flags of the server, such as --limits-events=2000")
	flag.StringVar(&o.attack, "attack", "", "only run the attacks against this address (internal)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	do := run
	if o.attack != "" {
		do = runAttacks
	}
	if err := do(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "exhaustion:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// run starts the server, attacks it, and checks the result.
func run(ctx context.Context, o options) (err error) {
	s, err := startServer(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, s.stop())
		if o.log != "" {
			err = errors.Join(err, os.WriteFile(o.log, s.log.Bytes(), 0o600))
		}
	}()
	if err := prepare(ctx, s.address); err != nil {
		return fmt.Errorf("store events before the attacks: %w", err)
	}
	r := newRecord(time.Now())
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.watchMemory(watching, s.pid())
	}()
	good := newSender(s.address, r)
	good.start(watching)
	errAttacks := attackFromOutside(ctx, s.address, o, r)
	stopWatching()
	<-done
	good.wait()
	if errAttacks != nil {
		return fmt.Errorf("attack the server: %w", errAttacks)
	}
	problems := r.judge(o)
	if err := good.verify(context.WithoutCancel(ctx)); err != nil {
		problems = append(problems, err.Error())
	}
	r.print(os.Stdout, o, problems)
	if err := os.WriteFile(o.picture, r.draw(o), 0o644); err != nil { //nolint:gosec // a picture to share
		return err
	}
	fmt.Printf("picture: %s\n", o.picture)
	if len(problems) > 0 {
		return fmt.Errorf("%d limits do not hold", len(problems))
	}
	return nil
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
