package postgres

import (
	"time"

	"github.com/eventagg/eventagg/pkg/disk"
)

// The names of the parts of [Facts], as in Facts.Unknown.
const (
	FactsSettings   = "settings"
	FactsOverrides  = "overrides"
	FactsTables     = "tables"
	FactsSessions   = "sessions"
	FactsPrepared   = "prepared"
	FactsSlots      = "slots"
	FactsStandbys   = "standbys"
	FactsWAL        = "wal"
	FactsClock      = "clock"
	FactsExtensions = "extensions"
)

// Facts are what [Inspect] found out about a database: facts, without a judgement.
type Facts struct {
	// Unknown has the reason for each part that could not be read, by its name, such as
	// [FactsSlots]. A missing right is the usual one.
	Unknown map[string]string

	// Unusable is why a store can't work on the database, such as a missing right or
	// tables of another version. It is nil if a store can, and if NoTables is set.
	Unusable error
	// NoTables is set if the database has no tables yet. MayCreate is set if the role
	// may create them.
	NoTables, MayCreate bool
	// Standby is set if the server accepts no writes because it is a standby.
	Standby bool
	// Schema is the schema of the tables.
	Schema string
	// Version is the version of the server, such as 15.10. Encoding is that of the
	// database.
	Version, Encoding string
	// Local is set if the server is on this machine. Encrypted is set if the connection
	// uses TLS; CertificateExpires is then the end of the server's certificate.
	Local, Encrypted   bool
	CertificateExpires time.Time

	// Settings are the settings of the server by their names, as this role and database
	// have them. In addition frozen_age is the age of the oldest transaction ID, and
	// archive_fails is true if the server can't archive its WAL.
	Settings map[string]string
	// SynchronousCommit is the value with which a store commits, whatever the default of
	// the role is.
	SynchronousCommit string
	// Overrides are the settings of synchronous_commit of this role and this database.
	Overrides []Override

	Tables     []Table
	Sessions   Sessions
	Prepared   Prepared
	Slots      []Slot
	Standbys   []Standby
	WAL        WAL
	Extensions string // names with commas between them

	// Disk is the file system of the server's data directory, if the server is on this
	// machine. DiskUnknown is why it is not known.
	Disk        disk.Usage
	DiskUnknown string

	// Skew is the clock of the server minus the clock of this machine. It is exact to
	// half of RoundTrip.
	Skew, RoundTrip time.Duration
}

// Override is a synchronous_commit that was set for a role or a database. An empty
// name means all.
type Override struct {
	Role, Database, Value string
}

// Table is a table in the schema.
type Table struct {
	Name string
	// Unlogged means that a crash of the database empties the table.
	Unlogged bool
	// Secured is set if row security applies to the table.
	Secured bool
	// Bytes is the size without indexes. Live and Dead are estimated numbers of rows.
	Bytes, Live, Dead int64
	// VacuumOff is set if autovacuum is off for the table.
	VacuumOff bool
	// Triggers, Rules and InvalidIndexes are names with commas between them.
	Triggers, Rules, InvalidIndexes string
}

// Sessions describes the sessions of the server, without that of [Inspect].
type Sessions struct {
	// Visible is set if the role may see the sessions of other roles.
	Visible bool
	// Used counts the connections, Ours those of eventagg, and UsedByRole those of the
	// role. A limit of -1 means none.
	Used, Ours, UsedByRole   int64
	RoleLimit, DatabaseLimit int64
	// LongestTransaction is the age in seconds of the oldest open transaction, and
	// LongestSession describes its session.
	LongestTransaction int64
	LongestSession     string
	// OldestSnapshot is the age of the oldest snapshot in transactions.
	OldestSnapshot int64
}

// Prepared describes the prepared transactions. OldestPrepared is in seconds.
type Prepared struct{ Prepared, OldestPrepared int64 }

// Slot is a replication slot.
type Slot struct {
	Name     string
	Active   bool
	Status   string // wal_status: reserved, extended, unreserved or lost
	Kept     int64  // bytes of WAL
	Snapshot int64  // age of its snapshot in transactions
}

// Standby is a server that streams from this one.
type Standby struct {
	Name, Address string
	State, Sync   string // empty if the role may not see them
	Lag           int64  // bytes of WAL that it has not written to its disk
}

// WAL describes the disk space of the server in bytes. Maximum is max_wal_size.
type WAL struct{ Database, Bytes, Maximum int64 }
