// Package audit verifies a database of events while it is in use. It is internal: the
// command `eventagg verify` uses it.
//
// A [Source] is a database that is open for reading. It has a list of checks, such as
// "each event against its identity". [Run] runs them page by page: memory is bounded, the
// load can be limited, and an audit that was stopped continues where it stopped.
//
// Each page reads one snapshot of the database, and each row is compared only with
// others of the same snapshot. So events that are stored meanwhile make no difference.
// An audit covers what was stored when it began; it ends however fast events arrive.
//
// Package audittest is the conformance suite: it damages a database in ten ways, and each
// Source must find each damage.
package audit
