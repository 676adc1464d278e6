// Package powerloss has a file system that loses power: [Disk] keeps files in memory and
// forgets what was not synced. Only tests import it. Its own tests run PostgreSQL, SQLite
// and eventagg on it.
//
// A write, a truncation, a new name, a rename and a removal are durable after the fsync
// of the file or the folder. [Disk.Cut] returns the disk as it is after the power is
// back. The seed decides what survives of the changes that were not synced:
//
//   - nothing, which is a cache that was never written back; or
//   - a part: sectors of 512 bytes, in any order, so that pages are torn; file sizes
//     without the data; and names without the data, in the order of their changes.
//
// In the second case sectors are also written back while the power is on, so that an
// older version of a sector can survive.
//
// An fsync of a file makes its new name durable, too, as ext4, XFS and Btrfs do. With
// [Options.StrictNames] only an fsync of the folder does, which is all that POSIX
// promises. Owner, permissions and times of files are always durable. Bits never change
// on their own, and a synced sector is never lost: these faults are not power failures.
//
// Memory that a process maps is written when the kernel writes it back. Both databases
// map only files that they build anew after a crash.
package powerloss
