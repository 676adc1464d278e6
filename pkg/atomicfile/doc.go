// Package atomicfile writes files that get their name when they are complete. It is
// internal to eventagg.
//
//	Create ──▶ .backup.db.X.partial ──Commit: fsync, rename, fsync of the folder──▶ backup.db
//
// A reader never finds half a file under the name, also after a crash of the machine.
// A file that is not committed is removed by Discard. After SIGKILL the partial file
// stays and can be deleted.
package atomicfile
