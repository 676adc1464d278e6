//go:build linux

package main

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"time"
)

// measurement is one timed run of one case. Costs are for each event, or for
// each request where a case only reads.
type measurement struct {
	Round       int           `json:"round"`
	Rate        float64       `json:"rate"` // events a second
	P50         time.Duration `json:"p50_ns"`
	P99         time.Duration `json:"p99_ns"` // of the answers
	ServerCPU   time.Duration `json:"server_cpu_ns"`
	DatabaseCPU time.Duration `json:"database_cpu_ns"`
	LoadCPU     time.Duration `json:"load_cpu_ns"` // of the generator
	Log         float64       `json:"log_bytes"`   // write-ahead log of PostgreSQL
	Memory      int64         `json:"memory_bytes,omitempty"`
	Retried     int64         `json:"retried,omitempty"` // appends that were sent again
}

// usage is what had been used at a moment, or was used between two.
type usage struct {
	server, database, load time.Duration
	log                    int64
}

func (u usage) minus(before usage) usage {
	return usage{u.server - before.server, u.database - before.database, u.load - before.load, u.log - before.log}
}

func (u usage) plus(more usage) usage {
	return usage{u.server + more.server, u.database + more.database, u.load + more.load, u.log + more.log}
}

// share spreads what was used over the events.
func (m *measurement) share(u usage, events int64) {
	n := max(events, 1)
	m.ServerCPU = u.server / time.Duration(n)
	m.DatabaseCPU = u.database / time.Duration(n)
	m.LoadCPU = u.load / time.Duration(n)
	m.Log = float64(u.log) / float64(n)
}

// used reads what the servers, PostgreSQL and this program have used until now.
func (l *lab) used(ctx context.Context, servers []*process) (usage, error) {
	var u usage
	var errs []error
	for _, server := range servers {
		cpu, err := server.cpu()
		u.server += cpu
		errs = append(errs, err)
	}
	var err error
	u.database, err = familyCPU(l.postgres.cmd.Process.Pid)
	errs = append(errs, err)
	u.log, err = l.postgres.written(ctx)
	u.load = ownCPU()
	return u, errors.Join(append(errs, err)...)
}

// ownCPU is the processor time of this process.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// peakMemory is the most that any of the servers ever held.
func peakMemory(servers []*process) (int64, error) {
	var peak int64
	for _, server := range servers {
		held, err := server.peakMemory()
		if err != nil {
			return 0, err
		}
		peak = max(peak, held)
	}
	return peak, nil
}

// percentile is the smallest time that such a share of the times, which it
// sorts, does not exceed.
func percentile(times []time.Duration, share float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	at := int(share*float64(len(times))+0.999999) - 1
	return times[min(max(at, 0), len(times)-1)]
}
