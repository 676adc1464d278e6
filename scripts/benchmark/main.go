//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

// run measures, or runs one of the reference servers.
func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "reference":
		return serveReference(ctx, "127.0.0.1:0", args[1])
	case len(args) == 1 && args[0] == "nothing":
		return serveNothing(ctx, "127.0.0.1:0")
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.list {
		for _, c := range o.cases {
			fmt.Println(c.name)
		}
		return nil
	}
	var before, after *results
	if o.compare != "" { // before the run, which takes minutes
		if before, err = readResults(o.compare); err != nil {
			return err
		}
	}
	if o.with != "" {
		if after, err = readResults(o.with); err == nil {
			printChanges(os.Stdout, before, after)
		}
		return err
	}
	after, err = measure(ctx, o)
	if after == nil || len(after.Cases) == 0 {
		return err
	}
	after.print(os.Stdout)
	if before != nil {
		printChanges(os.Stdout, before, after)
	}
	if o.json != "" {
		err = errors.Join(err, after.write(o.json))
	}
	return err
}

// options are the flags.
type options struct {
	binary, folder string
	duration       time.Duration
	repeat         int
	cases          []benchCase
	rows           int
	ids            string
	settings       string
	json           string
	compare, with  string // two files of results
	list           bool
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("scripts/bench", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprintln(os.Stderr, "scripts/bench -h explains the flags") }
	flags.StringVar(&o.binary, "binary", "", "")
	flags.StringVar(&o.folder, "folder", "", "")
	flags.DurationVar(&o.duration, "duration", 4*time.Second, "")
	flags.IntVar(&o.repeat, "repeat", 3, "")
	pattern := flags.String("case", "", "")
	flags.IntVar(&o.rows, "rows", 0, "")
	flags.StringVar(&o.ids, "ids", idsOrdered, "")
	flags.StringVar(&o.settings, "settings", settingsDefault, "")
	flags.StringVar(&o.json, "json", "", "")
	flags.StringVar(&o.compare, "compare", "", "")
	flags.BoolVar(&o.list, "list", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.compare != "" {
		o.with = flags.Arg(0)
	}
	var errs []error
	if o.ids != idsOrdered && o.ids != idsRandom {
		errs = append(errs, fmt.Errorf("invalid -ids %q: must be %s or %s", o.ids, idsOrdered, idsRandom))
	}
	if o.repeat < 1 || o.duration <= 0 || o.rows < 0 {
		errs = append(errs, errors.New("invalid -repeat, -duration or -rows: must not be negative, the first two not 0"))
	}
	if flags.NArg() > 1 || flags.NArg() == 1 && o.with == "" {
		errs = append(errs, fmt.Errorf("unexpected argument %q", flags.Arg(flags.NArg()-1)))
	}
	_, err := settingsOf(o.settings)
	errs = append(errs, err)
	wanted, err := regexp.Compile(*pattern)
	if err != nil {
		return o, errors.Join(append(errs, fmt.Errorf("-case: %w", err))...)
	}
	o.cases, err = selectCases(catalogue(o), wanted)
	return o, errors.Join(append(errs, err)...)
}

// measure runs all cases. If some fail, it returns an error and the results of the
// others.
func measure(ctx context.Context, o options) (r *results, err error) {
	r = &results{
		Began: time.Now(), Machine: machine(ctx), Settings: o.settings, IDs: o.ids, Rows: o.rows,
		Duration: o.duration, Repeat: o.repeat,
	}
	info, err := os.Stat(o.binary)
	if err != nil {
		return nil, fmt.Errorf("find the binary (use scripts/bench, which builds it): %w", err)
	}
	r.BinarySize = info.Size()
	l, err := openLab(ctx, o, r)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if r.Start, err = l.startTime(ctx); err != nil {
		return nil, err
	}
	err = (&runner{lab: l, cases: o.cases}).run(ctx)
	if slices.ContainsFunc(o.cases, func(c benchCase) bool { return c.filled }) && ctx.Err() == nil {
		var errPlans error
		r.Plans, errPlans = l.plans(ctx)
		err = errors.Join(err, errPlans)
	}
	r.finish(o.cases)
	return r, err
}

// machine describes the machine.
func machine(ctx context.Context) string {
	version, err := exec.CommandContext(ctx, "postgres", "--version").Output()
	if err != nil {
		version = []byte("postgres of unknown version")
	}
	return fmt.Sprintf("%d cores, %s, %s", runtime.NumCPU(), runtime.Version(), strings.TrimSpace(string(version)))
}

// startTime measures how long serve takes from its start until it listens, with a
// new SQLite file.
func (l *lab) startTime(ctx context.Context) (time.Duration, error) {
	var times []time.Duration
	for i := range max(l.repeat, 3) {
		began := time.Now()
		servers, err := l.serve(ctx, 1, "sqlite:"+filepath.Join(l.folder, fmt.Sprintf("start-%d.db", i)))
		if err != nil {
			return 0, err
		}
		times = append(times, time.Since(began))
		if err := stopAll(servers); err != nil {
			return 0, err
		}
	}
	return percentile(times, 0.5), nil
}
