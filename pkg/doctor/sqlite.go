package doctor

import (
	"fmt"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/disk"
)

// sqliteRules are the checks of a database file.
func sqliteRules() []rule {
	return []rule{
		{check: "usable", judge: usableFile},
		{check: "file system", weakens: true, judge: fileSystem},
		{check: "disk", judge: fileDisk},
		{check: "journal mode", judge: journalMode},
		{check: "write-ahead log", judge: fileWAL},
		{check: "integrity", weakens: true, judge: integrity},
		{check: "permissions", judge: permissions},
		{check: "sync", judge: syncTime},
	}
}

func usableFile(f Facts) result {
	switch s := f.SQLite; {
	case s.Unusable != nil:
		return found(Failure, strings.TrimSuffix(s.Unusable.Error(), ": store unavailable"),
			"do what the finding says; the user of serve must be able to write to the file and to its folder")
	case s.NoTables && !f.Instance.Migrate:
		return found(Failure, s.Path+" has no tables yet, and serve does not create them (database.migrate is false)", "run 'eventagg migrate'")
	case s.NoTables:
		return found(Note, s.Path+" has no tables yet", "serve creates them at start, or run 'eventagg migrate'")
	default:
		return ok("%s has the tables of this version and can be written (%s)", s.Path, bytesOf(s.Bytes))
	}
}

func fileSystem(f Facts) result {
	s := f.SQLite
	if s.DiskUnknown != "" {
		return found(Unknown, "the file system is not known: "+s.DiskUnknown, "make sure that it is a disk of this machine")
	}
	name := s.Disk.Name
	switch s.Disk.Kind {
	case disk.Network:
		return found(Failure, "the file is on a network file system ("+name+"), where locks and shared memory of SQLite do not work",
			"put the file on a disk of this machine, or use PostgreSQL")
	case disk.Memory:
		return found(Failure, "the file is in memory ("+name+"): a restart of the machine loses all events", "put the file on a disk")
	case disk.Container:
		return found(Warning, "the file is in the container ("+name+"): all events are lost when the container is removed", "put the file on a volume")
	case disk.UserSpace:
		return found(Warning, "the file is on a file system in user space ("+name+"); it decides whether locks and syncs work",
			"put the file on a disk of this machine, or use PostgreSQL")
	case disk.Local:
	}
	if name == "" {
		return ok("the file is on a local file system")
	}
	return ok("the file is on a local file system (%s)", name)
}

func fileDisk(f Facts) result {
	if f.SQLite.DiskUnknown != "" {
		return found(Unknown, "the free space is not known: "+f.SQLite.DiskUnknown, "watch the free space of the folder")
	}
	return space(f.SQLite.Disk.Free, f.SQLite.Disk.Total, "for "+f.SQLite.Path)
}

func journalMode(f Facts) result {
	switch mode := f.SQLite.JournalMode; mode {
	case "", "wal": // empty: no process uses the file
		return ok("serve uses a write-ahead log (journal_mode WAL, synchronous FULL)")
	default:
		return found(Note, "another program has set journal_mode "+mode, "serve sets it to WAL at start")
	}
}

func fileWAL(f Facts) result {
	const large = 256 << 20
	if f.SQLite.WALBytes > large {
		return found(Warning, fmt.Sprintf("the write-ahead log has %s: a program keeps a read transaction open", bytesOf(f.SQLite.WALBytes)),
			"find the program with 'fuser "+f.SQLite.Path+"' and end it; never delete the log")
	}
	return ok("the write-ahead log has %s", bytesOf(f.SQLite.WALBytes))
}

func integrity(f Facts) result {
	switch s := f.SQLite; {
	case s.Damage != "":
		return found(Failure, "the file is damaged: "+s.Damage, "stop eventagg, keep a copy of the file with -wal and -shm, and restore a backup or run 'sqlite3 FILE .recover'")
	case s.CheckUnknown != "":
		return found(Unknown, s.CheckUnknown, "run 'eventagg verify', which has no time limit")
	case s.Unusable != nil:
		return found(Unknown, "the file can't be read", "repair the failure above")
	default:
		return ok("the integrity check found no damage")
	}
}

func permissions(f Facts) result {
	const write, read = 0o022, 0o044
	switch mode := f.SQLite.Open; {
	case mode&write != 0:
		return found(Warning, "other users of this machine can change the file", "chmod 600 "+f.SQLite.Path)
	case mode&read != 0:
		return found(Note, "other users of this machine can read the events", "chmod 600 "+f.SQLite.Path)
	default:
		return ok("only the owner of the file can read it")
	}
}

// syncTime shows how long one commit takes at least.
func syncTime(f Facts) result {
	const slow = 100 * time.Millisecond
	if took := f.SQLite.SyncTime; took > slow {
		return found(Note, fmt.Sprintf("a write of 64 KiB takes %s until it is on the disk; each commit takes as long", took.Round(time.Millisecond)), "use a faster disk")
	}
	return ok("a write of 64 KiB takes %s until it is on the disk", f.SQLite.SyncTime.Round(time.Microsecond))
}
