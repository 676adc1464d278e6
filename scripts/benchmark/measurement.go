//go:build linux

package main

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"time"
)

// measurement is one run of one case. Costs are per event, or per request if the case
// only reads.
type measurement struct {
	Round       int           `json:"round"`
	Rate        float64       `json:"rate"` // events per second
	P50         time.Duration `json:"p50_ns"`
	P99         time.Duration `json:"p99_ns"` // response time
	ServerCPU   time.Duration `json:"server_cpu_ns"`
	DatabaseCPU time.Duration `json:"database_cpu_ns"`
	LoadCPU     time.Duration `json:"load_cpu_ns"` // of the generator
	Log         float64       `json:"log_bytes"`   // write-ahead log of PostgreSQL
	Memory      int64         `json:"memory_bytes,omitempty"`
	Retried     int64         `json:"retried,omitempty"` // appends that were retried
}

// usage is the resources used up to a time, or between two times.
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

// setCosts computes the costs per event.
func (m *measurement) setCosts(u usage, events int64) {
	n := max(events, 1)
	m.ServerCPU = u.server / time.Duration(n)
	m.DatabaseCPU = u.database / time.Duration(n)
	m.LoadCPU = u.load / time.Duration(n)
	m.Log = float64(u.log) / float64(n)
}

// used returns the resources that servers, PostgreSQL and this program have used.
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

// ownCPU returns the CPU time of this process.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// peakMemory returns the highest peak memory of the servers.
func peakMemory(servers []*process) (int64, error) {
	var peak int64
	for _, server := range servers {
		memory, err := server.peakMemory()
		if err != nil {
			return 0, err
		}
		peak = max(peak, memory)
	}
	return peak, nil
}

// percentile sorts the times and returns the smallest that this fraction of them does
// not exceed.
func percentile(times []time.Duration, fraction float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	at := int(fraction*float64(len(times))+0.999999) - 1
	return times[min(max(at, 0), len(times)-1)]
}
