package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eventagg/eventagg/pkg/disk"
	"github.com/eventagg/eventagg/pkg/store/postgres"
)

// postgresStateRules are the checks of what happens on the server now.
func postgresStateRules() []rule {
	return []rule{
		{check: "connections", part: postgres.FactsSessions, judge: connections},
		{check: "long transactions", part: postgres.FactsSessions, judge: longTransactions},
		{check: "prepared transactions", part: postgres.FactsPrepared, judge: prepared},
		{check: "held snapshots", part: postgres.FactsSessions, judge: snapshots},
		{check: "replication slots", part: postgres.FactsSlots, judge: slots},
		{check: "autovacuum", part: postgres.FactsSettings, judge: autovacuum},
		{check: "transaction IDs", part: postgres.FactsSettings, judge: transactionIDs},
		{check: "bloat", part: postgres.FactsTables, judge: bloat},
		{check: "archiving", part: postgres.FactsSettings, judge: archiving},
		{check: "write-ahead log", part: postgres.FactsWAL, judge: writeAheadLog},
		{check: "disk", part: postgres.FactsSettings, weakens: true, judge: serverDisk},
		{check: "clock", part: postgres.FactsClock, judge: func(f Facts) result {
			return clocks("the database", f.Postgres.Skew, f.Postgres.RoundTrip, "created_at has the time of the database; the order of events does not depend on it")
		}},
		{check: "encryption", judge: databaseTLS},
	}
}

// connections compares what all instances may open with what the server permits.
func connections(f Facts) result {
	p, need := f.Postgres, int64(f.Instance.Connections)
	limit, source := number(p, "max_connections")-number(p, "superuser_reserved_connections")-number(p, "reserved_connections"), "max_connections without the reserved ones"
	used := p.Sessions.Used
	if l := p.Sessions.DatabaseLimit; l >= 0 && l < limit {
		limit, source = l, "CONNECTION LIMIT of the database"
	}
	if l := p.Sessions.RoleLimit; l >= 0 && l < limit {
		limit, source, used = l, "CONNECTION LIMIT of the role", p.Sessions.UsedByRole
	}
	if f.Instance.Pooled {
		return ok("connections go through a pooler, which limits those to the server")
	}
	text := fmt.Sprintf("this configuration opens up to %d connections; %d of %d are used (%s), %d of them by eventagg", need, used, limit, source, p.Sessions.Ours)
	const fix = "lower database.max_conns and ingest.writers, raise the limit, or use PgBouncer (database.pooler)"
	switch {
	case need > limit:
		return found(Warning, text+"; when none is left, requests get 503", fix)
	case need > limit-used && p.Sessions.Ours == 0:
		return found(Warning, text+"; they do not fit beside those that are used", fix)
	case need > limit-used:
		return found(Note, text+"; another instance would not fit", fix)
	default:
		return ok("%s; there is room for %d more such instances", text, (limit-used)/need)
	}
}

func number(p *postgres.Facts, name string) int64 {
	n, _ := strconv.ParseInt(p.Settings[name], 10, 64)
	return n
}

// longSeconds is the age of a transaction that is reported.
const longSeconds = 60

func longTransactions(f Facts) result {
	s := f.Postgres.Sessions
	switch {
	case s.LongestTransaction > longSeconds:
		return found(Warning, fmt.Sprintf("a transaction is open for %s (%s): VACUUM removes nothing newer, and retention may have to wait", seconds(s.LongestTransaction), s.LongestSession),
			"end it: SELECT pg_terminate_backend(PROCESS); set idle_in_transaction_session_timeout for the program that left it open")
	case !s.Visible:
		return found(Unknown, "the role sees only its own sessions; none of them is open for long", "GRANT pg_read_all_stats to the role of database.url")
	default:
		return ok("the oldest open transaction is %s old", seconds(s.LongestTransaction))
	}
}

func prepared(f Facts) result {
	p := f.Postgres.Prepared
	if p.Prepared > 0 && p.OldestPrepared > longSeconds {
		return found(Warning, fmt.Sprintf("%s, the oldest for %s: they keep locks, and VACUUM removes nothing newer", count(int(p.Prepared), "prepared transaction is open", "prepared transactions are open"), seconds(p.OldestPrepared)),
			"COMMIT PREPARED or ROLLBACK PREPARED each one of pg_prepared_xacts")
	}
	return ok("%s", count(int(p.Prepared), "prepared transaction is open", "prepared transactions are open"))
}

// oldSnapshot is the age in transactions that is reported.
const oldSnapshot = 10_000_000

func snapshots(f Facts) result {
	oldest, owner := f.Postgres.Sessions.OldestSnapshot, "a session"
	for _, s := range f.Postgres.Slots {
		if s.Snapshot > oldest {
			oldest, owner = s.Snapshot, "the replication slot "+s.Name
		}
	}
	if oldest > oldSnapshot {
		return found(Warning, fmt.Sprintf("%s holds a snapshot that is %d transactions old: VACUUM removes nothing newer", owner, oldest),
			"end the session, or drop the slot if its standby is gone")
	}
	if !f.Postgres.Sessions.Visible {
		return found(Unknown, "the role sees only the snapshots of its own sessions", "GRANT pg_read_all_stats to the role of database.url")
	}
	return ok("the oldest snapshot is %d transactions old", oldest)
}

// keptBytes is the WAL of an inactive slot that is reported.
const keptBytes = 1 << 30

func slots(f Facts) result {
	var bad []string
	for _, s := range f.Postgres.Slots {
		switch {
		case s.Status == "lost":
			bad = append(bad, s.Name+" has lost WAL that its standby needs")
		case !s.Active && s.Kept > keptBytes:
			bad = append(bad, fmt.Sprintf("%s is not used and keeps %s of WAL, which grows until the disk is full", s.Name, bytesOf(s.Kept)))
		}
	}
	if len(bad) == 0 {
		return ok("%s", count(len(f.Postgres.Slots), "replication slot", "replication slots"))
	}
	return found(Warning, strings.Join(bad, "; "), "SELECT pg_drop_replication_slot('NAME') if the standby is gone; set max_slot_wal_keep_size")
}

func autovacuum(f Facts) result {
	for _, name := range []string{"autovacuum", "track_counts"} {
		if f.Postgres.Settings[name] == off {
			return found(Warning, name+" is off: tables that change often grow without limit, and queries get slower", "set "+name+" = on")
		}
	}
	if tables := namesOf(f.Postgres.Tables, func(t postgres.Table) bool { return t.VacuumOff }); tables != "" {
		return found(Warning, "autovacuum is off for "+tables, "ALTER TABLE … RESET (autovacuum_enabled)")
	}
	return ok("autovacuum is on")
}

func transactionIDs(f Facts) result {
	const warn = 1_500_000_000 // the server stops at about 2,100 million
	age := number(f.Postgres, "frozen_age")
	if age > warn {
		return found(Warning, fmt.Sprintf("the oldest transaction ID is %d transactions old: at about 2,100 million the server refuses all writes", age),
			"VACUUM FREEZE the database, and end what keeps autovacuum from it: long transactions and replication slots")
	}
	return ok("the oldest transaction ID is %d transactions old", age)
}

// bloat finds small tables whose rows are updated often and not vacuumed.
func bloat(f Facts) result {
	const minBytes, bytesPerRow = 16 << 20, 64 << 10
	var bloated []string
	for _, t := range f.Postgres.Tables {
		if t.Bytes > minBytes && t.Bytes/max(t.Live, 1) > bytesPerRow {
			bloated = append(bloated, fmt.Sprintf("%s has %s for %d rows", t.Name, bytesOf(t.Bytes), t.Live))
		}
	}
	if len(bloated) == 0 {
		return ok("no small table is bloated")
	}
	return found(Warning, strings.Join(bloated, "; ")+": queries get slower", "end long transactions, then VACUUM the table; VACUUM FULL makes it small again and locks it meanwhile")
}

func writeAheadLog(f Facts) result {
	const factor = 4
	w := f.Postgres.WAL
	text := fmt.Sprintf("the write-ahead log has %s (max_wal_size %s), the database %s", bytesOf(w.Bytes), bytesOf(w.Maximum), bytesOf(w.Database))
	if w.Bytes > factor*w.Maximum+keptBytes {
		return found(Warning, text, "look for replication slots, wal_keep_size and archiving that keep it")
	}
	return ok("%s", text)
}

func archiving(f Facts) result {
	if f.Postgres.Settings["archive_fails"] == "true" {
		return found(Warning, "archiving fails: the write-ahead log grows until the disk is full, and backups can't be restored up to now",
			"repair archive_command; pg_stat_archiver and the log of the server have the reason")
	}
	return ok("archiving does not fail")
}

func serverDisk(f Facts) result {
	p := f.Postgres
	if p.Disk.Kind == disk.Memory {
		return found(Warning, p.Settings["data_directory"]+" is in memory ("+p.Disk.Name+") on this machine: if the server runs here, a restart of the machine loses all events",
			"put the data directory on a disk")
	}
	if p.DiskUnknown != "" {
		return found(Unknown, "the disk of the server is not visible: "+p.DiskUnknown, "watch the free space of its data directory there")
	}
	return space(p.Disk.Free, p.Disk.Total, "in "+p.Settings["data_directory"])
}

func databaseTLS(f Facts) result {
	switch p := f.Postgres; {
	case p.Encrypted && !p.CertificateExpires.IsZero():
		return expiry("the certificate of the database", p.CertificateExpires, f.Now, "renew the certificate of the server and reload it")
	case p.Encrypted || p.Local:
		return ok("the connection is encrypted or does not leave this machine")
	default:
		return found(Warning, "the connection to the database is not encrypted: others on the network can read events and the password",
			"add sslmode=verify-full to database.url")
	}
}
