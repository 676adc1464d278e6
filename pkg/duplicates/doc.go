// Package duplicates reports which keys are repeated.
//
// A [Recorder] gathers the duplicates of committed appends in memory, merged by key. One
// goroutine hands them to the store in batches about once a second. An append pays a
// short lock if it has duplicates, and nothing otherwise. Memory and writes have
// limits; above them, keys are not reported. A crash loses the reports of the last
// second. The counters of the store do not depend on reports.
package duplicates
