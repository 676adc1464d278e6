package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventagg/eventagg/pkg/disk"
	"github.com/eventagg/eventagg/pkg/queue/redis"
	"github.com/eventagg/eventagg/pkg/store/postgres"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
)

// Names of settings of PostgreSQL.
const (
	off            = "off"
	fsync          = "fsync"
	fullPageWrites = "full_page_writes"
	syncNames      = "synchronous_standby_names"
)

func yes(reason string) Verdict    { return Verdict{Holds: Yes, Reason: reason} }
func no(reason string) Verdict     { return Verdict{Holds: No, Reason: reason} }
func unsure(reason string) Verdict { return Verdict{Holds: Maybe, Reason: reason} }

// promise marks a verdict as part of what eventagg promises.
func promise(v Verdict) Verdict {
	v.Promised = true
	return v
}

// guaranteeOf returns which guarantee the facts give.
func guaranteeOf(f Facts) Guarantee {
	var g Guarantee
	switch {
	case f.Postgres != nil:
		g = postgresGuarantee(f.Postgres)
	case f.SQLite != nil:
		g = sqliteGuarantee(f.SQLite)
	default:
		v := unsure("the database can't be reached")
		g = Guarantee{Survives: Survives{v, v, v, v, v}, Exact: v}
	}
	s := &g.Survives
	s.ProcessCrash, s.DatabaseCrash, s.PowerLoss = promise(s.ProcessCrash), promise(s.DatabaseCrash), promise(s.PowerLoss)
	g.Exact = promise(g.Exact)
	if f.Instance.Queue {
		g.Queued = queueGuarantee(f)
	}
	return g
}

// postgresGuarantee: the commit is written to the WAL, and the WAL to the disk.
func postgresGuarantee(f *postgres.Facts) Guarantee {
	g := Guarantee{
		Survives: Survives{
			ProcessCrash: yes("the response is sent after the commit"), DatabaseCrash: yes("the commit is in the write-ahead log"),
			PowerLoss: yes("the commit is synced to the disk"),
		},
		Exact: yes("a primary key decides"),
	}
	if f.Unusable != nil {
		g.Exact = unsure("the database can't be used now")
	}
	if unlogged := namesOf(f.Tables, func(t postgres.Table) bool { return t.Unlogged }); unlogged != "" {
		g.Survives.DatabaseCrash = no("a crash empties unlogged tables: " + unlogged)
		g.Survives.PowerLoss = g.Survives.DatabaseCrash
	}
	switch reason, unknown := f.Unknown[postgres.FactsSettings]; {
	case unknown:
		g.Survives.PowerLoss = unsure(reason)
	case f.Settings[fsync] == off:
		g.Survives.PowerLoss = no("fsync is off")
	case f.Settings[fullPageWrites] == off:
		g.Survives.PowerLoss = no("full_page_writes is off: a page that was written in part can't be repaired")
	case f.SynchronousCommit == off:
		g.Survives.PowerLoss = no("synchronous_commit is off")
	case f.Disk.Kind == disk.Memory:
		g.Survives.PowerLoss = unsure("on this machine " + f.Settings["data_directory"] + " is in memory (" + f.Disk.Name + ")")
	}
	g.Survives.MachineLoss, g.Survives.Failover = standbyVerdicts(f)
	return g
}

// standbyVerdicts returns the verdicts about the loss of the machine and about a
// failover. Both need a standby that has each commit before the response.
func standbyVerdicts(f *postgres.Facts) (machine, failover Verdict) {
	names := f.Settings[syncNames]
	switch reason, unknown := f.Unknown[postgres.FactsStandbys]; {
	case unknown:
		return unsure(reason), unsure(reason)
	case f.Standby:
		return unsure("this is the standby; run doctor on the primary"), unsure("this is the standby; run doctor on the primary")
	case names == "" && len(f.Standbys) == 0:
		return no("there is no standby"), no("there is no standby")
	case names == "":
		lost := fmt.Sprintf("no standby must confirm a commit (synchronous_standby_names is empty); the %s that the standby lacks are lost, now %s",
			"last commits", bytesOf(maxLag(f.Standbys)))
		return no(lost), no(lost)
	case hidden(f.Standbys):
		return unsure("the role may not see the state of the standbys"), unsure("the role may not see the state of the standbys")
	case f.SynchronousCommit == "local" || f.SynchronousCommit == off:
		return no("synchronous_commit is " + f.SynchronousCommit), no("synchronous_commit is " + f.SynchronousCommit)
	}
	have := inSync(f.Standbys)
	why := fmt.Sprintf("%d synchronous standby confirms each commit", needed(names))
	if needed(names) > 1 {
		why = fmt.Sprintf("%d synchronous standbys confirm each commit", needed(names))
	}
	switch {
	case f.SynchronousCommit == "remote_write":
		why += "; with remote_write it is then in the memory of the standby, and power loss of both machines loses it"
	case len(have) == 0:
		why = "commits wait for a synchronous standby"
	}
	machine, failover = yes(why), yes(why)
	if len(have) > 0 && !anyRemote(have) {
		machine = unsure("the synchronous standby connects from this machine (" + have[0].Address + "): is it on the same one?")
	}
	return machine, failover
}

// inSync returns the standbys that confirm commits now.
func inSync(all []postgres.Standby) []postgres.Standby {
	var found []postgres.Standby
	for _, s := range all {
		if s.State == "streaming" && (s.Sync == "sync" || s.Sync == "quorum") {
			found = append(found, s)
		}
	}
	return found
}

// anyRemote reports whether a standby connects from another machine.
func anyRemote(all []postgres.Standby) bool {
	for _, s := range all {
		if s.Address != "" && s.Address != "::1" && !strings.HasPrefix(s.Address, "127.") {
			return true
		}
	}
	return false
}

func maxLag(all []postgres.Standby) int64 {
	var lag int64
	for _, s := range all {
		lag = max(lag, s.Lag)
	}
	return lag
}

// sqliteGuarantee: the commit is synced to the write-ahead log beside the file.
func sqliteGuarantee(f *sqlite.Facts) Guarantee {
	g := Guarantee{
		Survives: Survives{
			ProcessCrash: yes("the response is sent after the commit"), DatabaseCrash: yes("SQLite is part of the process"),
			PowerLoss:   yes("the commit is synced to the disk (synchronous=FULL)"),
			MachineLoss: no("SQLite stores on one machine; make backups, or use PostgreSQL with a synchronous standby"),
			Failover:    no("SQLite has no standby"),
		},
		Exact: yes("a primary key decides, for all processes of this machine"),
	}
	switch f.Disk.Kind {
	case disk.Memory:
		g.Survives.PowerLoss = no(f.Disk.Name + " keeps files in memory")
	case disk.Network:
		g.Survives.PowerLoss = unsure(f.Disk.Name + " syncs as its server and its mount options decide")
		g.Exact = no("locks of " + f.Disk.Name + " do not protect the file from other machines, and SQLite needs shared memory")
	case disk.UserSpace:
		g.Survives.PowerLoss = unsure("a file system in user space decides whether it syncs")
		g.Exact = unsure("a file system in user space decides whether it locks")
	case disk.Local, disk.Container:
	}
	if f.DiskUnknown != "" {
		g.Survives.PowerLoss.Reason += "; the file system is not known"
	}
	return g
}

// queueGuarantee is the verdict about the response queued.
func queueGuarantee(f Facts) *Queued {
	if f.Queue == nil {
		return &Queued{Verdict: promise(unsure("the queue can't be reached"))}
	}
	for _, node := range f.Queue.Nodes {
		if node.Weak != "" {
			return &Queued{Verdict: promise(no(node.Weak))}
		}
	}
	need := f.Instance.QueueReplicas
	reason := "Redis syncs it to the disk of its machine before the response"
	if need > 0 {
		where := "in memory (on disk with Redis 7.2 or newer)"
		if syncingReplicas(f.Queue.Nodes) {
			where = "on disk"
		}
		reason += fmt.Sprintf(", and %s must have it %s", count(need, "replica", "replicas"), where)
	}
	return &Queued{Verdict: promise(yes(reason)), Machines: 1 + need}
}

// syncingReplicas reports whether every server waits until replicas have synced an event.
func syncingReplicas(nodes []redis.NodeFacts) bool {
	return !slices.ContainsFunc(nodes, func(n redis.NodeFacts) bool {
		major, minor := versionOf(n)
		return major < 7 || major == 7 && minor < 2 // WAITAOF is in 7.2
	})
}
