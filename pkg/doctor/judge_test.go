package doctor_test

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/disk"
	"github.com/eventagg/eventagg/pkg/doctor"
	"github.com/eventagg/eventagg/pkg/queue/redis"
	"github.com/eventagg/eventagg/pkg/store/postgres"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
)

// now is the time of all tests.
func now() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

// healthy returns facts without a problem: PostgreSQL with two synchronous standbys, and
// Redis with a replica.
func healthy() doctor.Facts {
	return doctor.Facts{
		Now: now(),
		Postgres: &postgres.Facts{
			Unknown: map[string]string{}, Schema: "public", Version: "17.4", Encoding: "UTF8", Encrypted: true,
			Settings: map[string]string{
				"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "synchronous_standby_names": "ANY 1 (a, b)",
				"data_checksums": "on", "data_sync_retry": "off", "zero_damaged_pages": "off", "ignore_checksum_failure": "off",
				"autovacuum": "on", "track_counts": "on", "max_connections": "100", "superuser_reserved_connections": "3",
				"reserved_connections": "0", "frozen_age": "200000000", "data_directory": "/var/lib/postgresql",
			},
			SynchronousCommit: "on",
			Tables:            []postgres.Table{{Name: "events", Bytes: 8 << 30, Live: 20_000_000}, {Name: "totals", Bytes: 64 << 10, Live: 12}},
			Sessions:          postgres.Sessions{Visible: true, Used: 20, Ours: 11, RoleLimit: -1, DatabaseLimit: -1},
			Standbys: []postgres.Standby{
				{Name: "a", Address: "10.0.0.2", State: "streaming", Sync: "quorum"}, {Name: "b", Address: "10.0.0.3", State: "streaming", Sync: "quorum"},
			},
			WAL:  postgres.WAL{Database: 10 << 30, Bytes: 512 << 20, Maximum: 1 << 30},
			Disk: disk.Usage{Name: "xfs", Kind: disk.Local, Free: 50 << 30, Total: 100 << 30},
			Skew: 3 * time.Millisecond, RoundTrip: time.Millisecond,
		},
		Queue: &redis.Facts{Nodes: []redis.NodeFacts{{
			Address: "queue:6379", Version: "7.4.0", Replicas: 1, MaxMemory: 1 << 30, Policy: "noeviction", Used: 1 << 20, RoundTrip: time.Millisecond,
		}}},
		Instance: doctor.Instance{
			Connections: 11, Migrate: true, Queue: true, QueueMaxBytes: 256 << 20, QueueMaxEvents: 1_000_000, QueueReplicas: 1,
			Address: "10.0.0.1:8000", TLS: true, Keys: 2, CertificateExpires: now().AddDate(0, 3, 0), FileLimit: 65536, MaxConnections: 4096,
		},
	}
}

// healthyFile returns facts without a problem about SQLite, without a queue.
func healthyFile() doctor.Facts {
	f := healthy()
	f.Postgres, f.Queue, f.Instance.Queue = nil, nil, false
	f.SQLite = &sqlite.Facts{
		Path: "/data/eventagg.db", Exists: true, Bytes: 1 << 20, JournalMode: "wal", SyncTime: time.Millisecond,
		Disk: disk.Usage{Name: "ext4", Kind: disk.Local, Free: 50 << 30, Total: 100 << 30},
	}
	return f
}

// table is one case for each kind of problem.
type table map[string]struct {
	change func(*doctor.Facts)
	check  string
	level  doctor.Level
	holds  doctor.State // of the promised guarantee; empty means yes
}

func TestJudge_HealthyHasNoProblem(t *testing.T) {
	t.Parallel()
	for name, facts := range map[string]doctor.Facts{"PostgreSQL with a queue": healthy(), "SQLite": healthyFile()} {
		r := doctor.Judge(facts)
		if r.Holds != doctor.Yes {
			t.Errorf("%s: holds %s: %v", name, r.Holds, r.Failures())
		}
		for _, f := range r.Findings {
			if f.Level != doctor.OK {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
	g := doctor.Judge(healthy()).Guarantee
	if g.Survives.MachineLoss.Holds != doctor.Yes || g.Survives.Failover.Holds != doctor.Yes || g.Queued.Machines != 2 {
		t.Errorf("two synchronous standbys and a replica: %+v, %+v", g.Survives, g.Queued)
	}
}

func (cases table) run(t *testing.T, base func() doctor.Facts) {
	t.Helper()
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := base()
			test.change(&facts)
			r := doctor.Judge(facts)
			want := test.holds
			if want == "" {
				want = doctor.Yes
			}
			if r.Holds != want {
				t.Errorf("holds %s, want %s: %v", r.Holds, want, r.Failures())
			}
			var problems []doctor.Finding
			for _, f := range r.Findings {
				switch {
				case f.Check == test.check && f.Level == test.level:
					if f.Fix == "" || f.Message == "" {
						t.Errorf("without a message or a fix: %+v", f)
					}
					return
				case f.Level != doctor.OK:
					problems = append(problems, f)
				}
			}
			t.Errorf("no finding %s of %s, but %+v", test.level, test.check, problems)
		})
	}
}

func set(name, value string) func(*doctor.Facts) {
	return func(f *doctor.Facts) { f.Postgres.Settings[name] = value }
}

func pg(change func(*postgres.Facts)) func(*doctor.Facts) {
	return func(f *doctor.Facts) { change(f.Postgres) }
}

func TestJudge_Postgres(t *testing.T) {
	t.Parallel()
	table{
		"fsync is off":                       {set("fsync", "off"), "fsync", doctor.Failure, doctor.No},
		"full page writes are off":           {set("full_page_writes", "off"), "full_page_writes", doctor.Failure, doctor.No},
		"the role commits asynchronously":    {set("synchronous_commit", "off"), "synchronous_commit", doctor.Warning, ""},
		"data checksums are off":             {set("data_checksums", "off"), "data checksums", doctor.Note, ""},
		"a failed sync is tried again":       {set("data_sync_retry", "on"), "damaged data", doctor.Warning, ""},
		"autovacuum is off":                  {set("autovacuum", "off"), "autovacuum", doctor.Warning, ""},
		"transaction IDs run out":            {set("frozen_age", "1900000000"), "transaction IDs", doctor.Warning, ""},
		"fewer connections than configured":  {set("max_connections", "10"), "connections", doctor.Warning, ""},
		"no synchronous standby":             {set("synchronous_standby_names", ""), "synchronous standbys", doctor.Note, ""},
		"a second standby is needed":         {set("synchronous_standby_names", "FIRST 3 (a, b, c)"), "synchronous standbys", doctor.Failure, doctor.No},
		"the role has a weaker commit":       {pg(func(p *postgres.Facts) { p.Overrides = []postgres.Override{{Role: "e", Value: "off"}} }), "synchronous_commit of role and database", doctor.Warning, ""},
		"the standby has it only in memory":  {pg(func(p *postgres.Facts) { p.SynchronousCommit = "remote_write" }), "synchronous_commit", doctor.Warning, ""},
		"a right is missing":                 {pg(func(p *postgres.Facts) { p.Unusable = errors.New("the role lacks rights: INSERT on events") }), "usable", doctor.Failure, doctor.No},
		"no tables yet":                      {pg(func(p *postgres.Facts) { p.NoTables, p.MayCreate = true, true }), "usable", doctor.Note, ""},
		"tables can't be created":            {pg(func(p *postgres.Facts) { p.NoTables = true }), "usable", doctor.Failure, doctor.No},
		"the encoding is SQL_ASCII":          {pg(func(p *postgres.Facts) { p.Encoding = "SQL_ASCII" }), "encoding", doctor.Note, ""},
		"a table is unlogged":                {pg(func(p *postgres.Facts) { p.Tables[0].Unlogged = true }), "tables", doctor.Failure, doctor.No},
		"row security is on":                 {pg(func(p *postgres.Facts) { p.Tables[0].Secured = true }), "tables", doctor.Warning, ""},
		"a trigger of others":                {pg(func(p *postgres.Facts) { p.Tables[0].Triggers = "audit" }), "triggers and rules", doctor.Warning, ""},
		"an invalid index":                   {pg(func(p *postgres.Facts) { p.Tables[0].InvalidIndexes = "i" }), "indexes", doctor.Warning, ""},
		"autovacuum is off for a table":      {pg(func(p *postgres.Facts) { p.Tables[0].VacuumOff = true }), "autovacuum", doctor.Warning, ""},
		"a small table is bloated":           {pg(func(p *postgres.Facts) { p.Tables[1].Bytes = 1 << 30 }), "bloat", doctor.Warning, ""},
		"another instance does not fit":      {pg(func(p *postgres.Facts) { p.Sessions.Used = 95 }), "connections", doctor.Note, ""},
		"the instance does not fit":          {pg(func(p *postgres.Facts) { p.Sessions.Used, p.Sessions.Ours = 95, 0 }), "connections", doctor.Warning, ""},
		"the role has a connection limit":    {pg(func(p *postgres.Facts) { p.Sessions.RoleLimit = 5 }), "connections", doctor.Warning, ""},
		"a long transaction":                 {pg(func(p *postgres.Facts) { p.Sessions.LongestTransaction = 300 }), "long transactions", doctor.Warning, ""},
		"sessions of others are hidden":      {pg(func(p *postgres.Facts) { p.Sessions.Visible = false }), "long transactions", doctor.Unknown, ""},
		"snapshots of others are hidden":     {pg(func(p *postgres.Facts) { p.Sessions.Visible = false }), "held snapshots", doctor.Unknown, ""},
		"a prepared transaction":             {pg(func(p *postgres.Facts) { p.Prepared = postgres.Prepared{Prepared: 1, OldestPrepared: 90} }), "prepared transactions", doctor.Warning, ""},
		"a session holds a snapshot":         {pg(func(p *postgres.Facts) { p.Sessions.OldestSnapshot = 20_000_000 }), "held snapshots", doctor.Warning, ""},
		"a slot holds a snapshot":            {pg(func(p *postgres.Facts) { p.Slots = []postgres.Slot{{Name: "s", Active: true, Snapshot: 20_000_000}} }), "held snapshots", doctor.Warning, ""},
		"a slot that is not used keeps WAL":  {pg(func(p *postgres.Facts) { p.Slots = []postgres.Slot{{Name: "s", Kept: 2 << 30}} }), "replication slots", doctor.Warning, ""},
		"a slot has lost its WAL":            {pg(func(p *postgres.Facts) { p.Slots = []postgres.Slot{{Name: "s", Status: "lost"}} }), "replication slots", doctor.Warning, ""},
		"archiving fails":                    {set("archive_fails", "true"), "archiving", doctor.Warning, ""},
		"the WAL grows":                      {pg(func(p *postgres.Facts) { p.WAL.Bytes = 20 << 30 }), "write-ahead log", doctor.Warning, ""},
		"the disk is nearly full":            {pg(func(p *postgres.Facts) { p.Disk.Free = 500 << 20 }), "disk", doctor.Warning, ""},
		"the disk is full":                   {pg(func(p *postgres.Facts) { p.Disk.Free = 0 }), "disk", doctor.Failure, doctor.No},
		"the data is in memory":              {pg(func(p *postgres.Facts) { p.Disk.Kind, p.Disk.Name = disk.Memory, "tmpfs" }), "disk", doctor.Warning, doctor.Maybe},
		"the disk is on another machine":     {pg(func(p *postgres.Facts) { p.DiskUnknown = "it is on another machine" }), "disk", doctor.Unknown, ""},
		"the clock of the database is wrong": {pg(func(p *postgres.Facts) { p.Skew = -time.Hour }), "clock", doctor.Warning, ""},
		"a plain connection":                 {pg(func(p *postgres.Facts) { p.Encrypted = false }), "encryption", doctor.Warning, ""},
		"an old certificate of the database": {pg(func(p *postgres.Facts) { p.CertificateExpires = now().AddDate(0, 0, 5) }), "encryption", doctor.Warning, ""},
		"settings are not visible":           {pg(func(p *postgres.Facts) { p.Unknown[postgres.FactsSettings] = "permission denied" }), "fsync", doctor.Unknown, doctor.Maybe},
		"the WAL is not visible":             {pg(func(p *postgres.Facts) { p.Unknown[postgres.FactsWAL] = "permission denied" }), "write-ahead log", doctor.Unknown, ""},
		"the server is a standby":            {pg(func(p *postgres.Facts) { p.Standby = true }), "synchronous standbys", doctor.Unknown, ""},
		"the standbys are hidden":            {pg(func(p *postgres.Facts) { p.Standbys = []postgres.Standby{{Name: "a"}} }), "synchronous standbys", doctor.Unknown, ""},
		"the database can't be reached":      {func(f *doctor.Facts) { f.Postgres, f.DatabaseError = nil, errors.New("refused") }, "reachable", doctor.Unknown, doctor.Maybe},
	}.run(t, healthy)
}

func file(change func(*sqlite.Facts)) func(*doctor.Facts) {
	return func(f *doctor.Facts) { change(f.SQLite) }
}

func TestJudge_SQLite(t *testing.T) {
	t.Parallel()
	table{
		"the folder can't be written":    {file(func(s *sqlite.Facts) { s.Unusable = errors.New("permission denied") }), "usable", doctor.Failure, doctor.No},
		"no file yet":                    {file(func(s *sqlite.Facts) { s.NoTables, s.Exists = true, false }), "usable", doctor.Note, ""},
		"a network file system":          {file(func(s *sqlite.Facts) { s.Disk.Kind, s.Disk.Name = disk.Network, "nfs" }), "file system", doctor.Failure, doctor.No},
		"a file system in memory":        {file(func(s *sqlite.Facts) { s.Disk.Kind, s.Disk.Name = disk.Memory, "tmpfs" }), "file system", doctor.Failure, doctor.No},
		"the layer of a container":       {file(func(s *sqlite.Facts) { s.Disk.Kind, s.Disk.Name = disk.Container, "overlay" }), "file system", doctor.Warning, ""},
		"a file system in user space":    {file(func(s *sqlite.Facts) { s.Disk.Kind, s.Disk.Name = disk.UserSpace, "fuse" }), "file system", doctor.Warning, doctor.Maybe},
		"an operating system without it": {file(func(s *sqlite.Facts) { s.DiskUnknown = disk.ErrUnsupported.Error() }), "file system", doctor.Unknown, ""},
		"a full disk":                    {file(func(s *sqlite.Facts) { s.Disk.Free = 1 << 20 }), "disk", doctor.Failure, doctor.No},
		"another journal mode":           {file(func(s *sqlite.Facts) { s.JournalMode = "delete" }), "journal mode", doctor.Note, ""},
		"a reader holds the log":         {file(func(s *sqlite.Facts) { s.WALBytes = 1 << 30 }), "write-ahead log", doctor.Warning, ""},
		"a damaged page":                 {file(func(s *sqlite.Facts) { s.Damage = "page 7 is never used" }), "integrity", doctor.Failure, doctor.No},
		"a file that is too large":       {file(func(s *sqlite.Facts) { s.CheckUnknown = "takes longer than 10s" }), "integrity", doctor.Unknown, ""},
		"others can write the file":      {file(func(s *sqlite.Facts) { s.Open = 0o022 }), "permissions", doctor.Warning, ""},
		"others can read the file":       {file(func(s *sqlite.Facts) { s.Open = 0o044 }), "permissions", doctor.Note, ""},
		"a slow disk":                    {file(func(s *sqlite.Facts) { s.SyncTime = time.Second }), "sync", doctor.Note, ""},
	}.run(t, healthyFile)
}

func node(change func(*redis.NodeFacts)) func(*doctor.Facts) {
	return func(f *doctor.Facts) { change(&f.Queue.Nodes[0]) }
}

func TestJudge_Queue(t *testing.T) {
	t.Parallel()
	table{
		"Redis syncs every second":      {node(func(n *redis.NodeFacts) { n.Weak = "appendfsync is everysec, set it to always" }), "persistence", doctor.Failure, doctor.No},
		"the file is written":           {node(func(n *redis.NodeFacts) { n.Weak, n.Rewriting = "the append-only file is being written", true }), "persistence", doctor.Warning, doctor.No},
		"the file grows":                {node(func(n *redis.NodeFacts) { n.RewriteFails = true }), "persistence", doctor.Warning, ""},
		"an old Redis":                  {node(func(n *redis.NodeFacts) { n.Version = "6.2.14" }), "version", doctor.Warning, ""},
		"a replica":                     {node(func(n *redis.NodeFacts) { n.Replica = true }), "role", doctor.Failure, doctor.No},
		"snapshots fail":                {node(func(n *redis.NodeFacts) { n.Refuses = "it can't write its snapshot" }), "writes", doctor.Warning, ""},
		"a policy that evicts":          {node(func(n *redis.NodeFacts) { n.Policy = "allkeys-lru" }), "eviction", doctor.Failure, doctor.No},
		"a policy without a limit":      {node(func(n *redis.NodeFacts) { n.Policy, n.MaxMemory, n.SystemMemory = "allkeys-lru", 0, 8<<30 }), "eviction", doctor.Note, ""},
		"less memory than a full queue": {node(func(n *redis.NodeFacts) { n.MaxMemory = 300 << 20 }), "memory", doctor.Warning, ""},
		"too few replicas":              {node(func(n *redis.NodeFacts) { n.Replicas = 0 }), "replicas", doctor.Failure, doctor.No},
		"replicas are not waited for":   {func(f *doctor.Facts) { f.Instance.QueueReplicas = 0 }, "replicas", doctor.Note, ""},
		"the clock of Redis is wrong":   {node(func(n *redis.NodeFacts) { n.Skew = time.Hour }), "clock", doctor.Warning, ""},
		"settings are rejected":         {node(func(n *redis.NodeFacts) { n.Unknown = "rejected" }), "eviction", doctor.Unknown, ""},
		"the queue is nearly full":      {func(f *doctor.Facts) { f.Queue.Events = 900_000 }, "size", doctor.Warning, ""},
		"dead letters":                  {func(f *doctor.Facts) { f.Queue.DeadLetters = 3 }, "dead letters", doctor.Warning, ""},
		"a plain connection to Redis":   {func(f *doctor.Facts) { f.Instance.QueueExposed = true }, "encryption", doctor.Warning, ""},
		"an old certificate of Redis":   {node(func(n *redis.NodeFacts) { n.CertificateExpires = now() }), "encryption", doctor.Failure, doctor.No},
		"Redis can't be reached":        {func(f *doctor.Facts) { f.Queue, f.QueueError = nil, errors.New("refused") }, "reachable", doctor.Unknown, doctor.Maybe},
		"the second node is weak": {func(f *doctor.Facts) {
			f.Queue.Nodes = append(f.Queue.Nodes, redis.NodeFacts{Address: "b", Weak: "appendonly is no", MaxMemory: 1 << 30, Policy: "noeviction", Replicas: 1, RoundTrip: 1})
		}, "persistence", doctor.Failure, doctor.No},
	}.run(t, healthy)
}

func own(change func(*doctor.Instance)) func(*doctor.Facts) {
	return func(f *doctor.Facts) { change(&f.Instance) }
}

func TestJudge_Instance(t *testing.T) {
	t.Parallel()
	table{
		"few descriptors":               {own(func(i *doctor.Instance) { i.FileLimit = 1024 }), "open files", doctor.Warning, ""},
		"faulty keys":                   {own(func(i *doctor.Instance) { i.KeysError = errors.New("line 3: id is missing") }), "keys", doctor.Failure, doctor.No},
		"a key that expires soon":       {own(func(i *doctor.Instance) { i.KeysExpire = map[string]time.Time{"a": now().AddDate(0, 0, 3)} }), "keys", doctor.Warning, ""},
		"a key that has expired":        {own(func(i *doctor.Instance) { i.KeysExpire = map[string]time.Time{"a": now().AddDate(0, 0, -3)} }), "keys", doctor.Note, ""},
		"everyone may publish":          {own(func(i *doctor.Instance) { i.Keys = 0 }), "exposure", doctor.Warning, ""},
		"keys without TLS":              {own(func(i *doctor.Instance) { i.TLS = false }), "exposure", doctor.Warning, ""},
		"any host":                      {own(func(i *doctor.Instance) { i.AnyHost = true }), "allowed hosts", doctor.Warning, ""},
		"a faulty certificate":          {own(func(i *doctor.Instance) { i.CertificateError = errors.New("no PEM") }), "certificate", doctor.Failure, doctor.No},
		"a certificate that expires":    {own(func(i *doctor.Instance) { i.CertificateExpires = now().AddDate(0, 0, 3) }), "certificate", doctor.Warning, ""},
		"a certificate that is expired": {own(func(i *doctor.Instance) { i.CertificateExpires = now() }), "certificate", doctor.Failure, doctor.No},
	}.run(t, healthy)
}

// TestJudge_Guarantee has what acknowledged events survive.
func TestJudge_Guarantee(t *testing.T) {
	t.Parallel()
	type survives = [6]doctor.State // process, database, power, machine, failover, exact
	const y, n, u = doctor.Yes, doctor.No, doctor.Maybe
	for name, test := range map[string]struct {
		base   func() doctor.Facts
		change func(*doctor.Facts)
		want   survives
	}{
		"PostgreSQL without a standby": {healthy, pg(func(p *postgres.Facts) {
			p.Standbys, p.Settings = nil, without(p.Settings, "synchronous_standby_names")
		}), survives{y, y, y, n, n, y}},
		"an asynchronous standby":   {healthy, set("synchronous_standby_names", ""), survives{y, y, y, n, n, y}},
		"synchronous standbys":      {healthy, func(*doctor.Facts) {}, survives{y, y, y, y, y, y}},
		"a standby on this machine": {healthy, pg(func(p *postgres.Facts) { p.Standbys = p.Standbys[:1]; p.Standbys[0].Address = "127.0.0.1" }), survives{y, y, y, u, y, y}},
		"fsync is off":              {healthy, set("fsync", "off"), survives{y, y, n, y, y, y}},
		"an unlogged table":         {healthy, pg(func(p *postgres.Facts) { p.Tables[0].Unlogged = true }), survives{y, n, n, y, y, y}},
		"SQLite on a disk":          {healthyFile, func(*doctor.Facts) {}, survives{y, y, y, n, n, y}},
		"SQLite in memory":          {healthyFile, file(func(s *sqlite.Facts) { s.Disk.Kind = disk.Memory }), survives{y, y, n, n, n, y}},
		"SQLite on NFS":             {healthyFile, file(func(s *sqlite.Facts) { s.Disk.Kind = disk.Network }), survives{y, y, u, n, n, n}},
		"no database":               {healthy, func(f *doctor.Facts) { f.Postgres, f.DatabaseError = nil, errors.New("refused") }, survives{u, u, u, u, u, u}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := test.base()
			test.change(&facts)
			g := doctor.Judge(facts).Guarantee
			s := g.Survives
			got := survives{s.ProcessCrash.Holds, s.DatabaseCrash.Holds, s.PowerLoss.Holds, s.MachineLoss.Holds, s.Failover.Holds, g.Exact.Holds}
			if got != test.want {
				t.Errorf("%v, want %v: %+v", got, test.want, g)
			}
		})
	}
}

func without(settings map[string]string, name string) map[string]string {
	settings = maps.Clone(settings)
	delete(settings, name)
	return settings
}
