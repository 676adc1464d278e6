//go:build linux

package main

import (
	"fmt"
	"slices"
)

// busySingles is the reference of other cases, some of which use a part of its rate.
const busySingles = "single/128"

// someDuplicates is the fraction of events that repeat an earlier one.
const someDuplicates = 0.3

// catalogue lists all cases. A case runs next to its reference, because the speed of
// the machine varies.
func catalogue(o options) []benchCase {
	var all []benchCase
	all = append(all, singles()...)
	all = append(all, arrays()...)
	all = append(all, bulks()...)
	for _, c := range others() {
		all = insertAfterReference(all, c)
	}
	if o.rows == 0 {
		return all
	}
	for _, c := range filledStores() {
		c.filled = true
		all = insertAfterReference(all, c)
	}
	for _, c := range filledReads() {
		c.filled = true
		all = append(all, c)
	}
	return all
}

// insertAfterReference inserts a case after its first reference.
func insertAfterReference(all []benchCase, c benchCase) []benchCase {
	at := slices.IndexFunc(all, func(other benchCase) bool { return c.references[0].names(other.name) })
	return slices.Insert(all, at+1, c)
}

func rateCase(name string, l load, references ...string) benchCase {
	return benchCase{name: name, figure: figureRate, references: toRates(references...), setUp: l.setUp}
}

func toRates(names ...string) []reference {
	references := make([]reference, len(names))
	for i, name := range names {
		references[i] = reference{Case: name, Kind: rateToRate}
	}
	return references
}

// singles publish one event per request.
func singles() []benchCase {
	var all []benchCase
	for _, n := range []int{1, 32, 128, 512} {
		oneInsert, healthz, nothing := fmt.Sprintf("one-insert/%d", n), fmt.Sprintf("healthz/%d", n), fmt.Sprintf("nothing/%d", n)
		single := rateCase(fmt.Sprintf("single/%d", n), load{target: onPostgres(1), connections: n, duplicates: someDuplicates}, oneInsert, healthz)
		single.references = append(single.references, reference{Case: nothing, Kind: serveToLoad})
		all = append(
			all,
			rateCase(oneInsert, load{target: toReference, connections: n, duplicates: someDuplicates}),
			single,
			rateCase(healthz, load{target: toHealthz, connections: n}),
			rateCase(nothing, load{target: toNothing, connections: n, duplicates: someDuplicates}),
		)
	}
	return append(
		all,
		rateCase("insert/1", load{target: byInsert, connections: 1, duplicates: someDuplicates}),
		benchCase{
			name: "single/open-loop", figure: figureP99, after: []string{busySingles},
			references: []reference{{Case: "one-insert/1", Kind: p99ToP50}, {Case: "insert/1", Kind: p99ToP50}},
			setUp:      load{target: onPostgres(1), connections: 128, duplicates: someDuplicates, partOf: busySingles, part: 0.25}.setUp,
		},
	)
}

// arrays publish several events per request. COPY is the upper limit.
func arrays() []benchCase {
	const connections = 8
	array := func(size int, duplicates float64, references ...string) benchCase {
		name := fmt.Sprintf("array/%d/%.0f%%", size, 100*duplicates)
		return rateCase(name, load{target: onPostgres(1), connections: connections, batch: size, duplicates: duplicates}, references...)
	}
	sizes := []int{10, 100, bulkBatch}
	all := make([]benchCase, 0, 3*len(sizes)+2)
	for _, size := range sizes {
		unique := fmt.Sprintf("array/%d/0%%", size)
		all = append(all, array(size, someDuplicates, unique), array(size, 0, "copy/*"), array(size, 1, unique))
	}
	for _, n := range []int{1, 2} {
		name := fmt.Sprintf("copy/%d", n)
		all = append(all, rateCase(name, load{target: byCopy(databaseEmpty), connections: n, batch: bulkBatch}))
	}
	return all
}

// bulks send prepared events.
func bulks() []benchCase {
	return []benchCase{
		{name: "insert-select/1", figure: figureRate, setUp: insertSelect(databaseEmpty, 1), references: toRates("copy-ready/1")},
		{name: "copy-ready/1", figure: figureRate, setUp: copyReady(1)},
		{name: "ndjson/plain", figure: figureRate, setUp: ndjson(false), references: toRates("copy-ready/*")},
		{name: "copy-ready/2", figure: figureRate, setUp: copyReady(2)},
		{name: "ndjson/zstd", figure: figureRate, setUp: ndjson(true), references: toRates("copy-ready/*", "ndjson/plain")},
		{name: "insert-select/2", figure: figureRate, setUp: insertSelect(databaseEmpty, 2), references: toRates("copy-ready/2")},
	}
}

// others measure two instances, followers and SQLite.
func others() []benchCase {
	return []benchCase{
		rateCase("two-instances/array/1000", load{target: onPostgres(2), connections: 8, batch: bulkBatch}, "array/1000/0%"),
		rateCase("two-instances/single/128", load{target: onPostgres(2), connections: 128, duplicates: someDuplicates}, busySingles),
		{
			name: "followers/500", figure: figureRate, references: toRates(busySingles),
			setUp: followed{load: load{target: onPostgres(1), connections: 128, duplicates: someDuplicates}, followers: 500}.setUp,
		},
		{
			name: "followers/latency", figure: figureP99, after: []string{busySingles}, references: []reference{{Case: busySingles, Kind: p99ToP50}},
			setUp: followed{
				load:      load{target: onPostgres(1), connections: 128, duplicates: someDuplicates, partOf: busySingles, part: 0.5},
				followers: 4, latency: true,
			}.setUp,
		},
		rateCase("sqlite/array/1000", load{target: onSQLite, connections: 8, batch: bulkBatch}, "array/1000/0%"),
		rateCase("sqlite/single/32", load{target: onSQLite, connections: 32, duplicates: someDuplicates}, "single/32"),
	}
}

// filledStores add events to the filled table.
func filledStores() []benchCase {
	insert := func(connections int) benchCase {
		return benchCase{
			name: fmt.Sprintf("filled/insert-select/%d", connections), figure: figureRate,
			setUp: insertSelect(databaseFilled, connections), references: toRates(fmt.Sprintf("insert-select/%d", connections)),
		}
	}
	return []benchCase{
		rateCase("filled/array/1000", load{target: onFilled, connections: 8, batch: bulkBatch}, "array/1000/0%", "filled/insert-select/*"),
		rateCase("filled/copy/1", load{target: byCopy(databaseFilled), connections: 1, batch: bulkBatch}, "copy/1"),
		insert(1),
		insert(2),
	}
}

// filledReads read from the filled table.
func filledReads() []benchCase {
	read := func(name, path string) benchCase {
		return benchCase{name: "filled/get/" + name, figure: figureP99, setUp: reads(path)}
	}
	return []benchCase{
		read("stats", "/stats"),
		read("topics", "/stats/topics"),
		read("events", "/events?limit=10"),
		read("events-busy-topic", "/events?limit=10&topic="+busyTopic),
		read("events-quiet-topic", "/events?limit=10&topic="+quietTopic),
		read("events-rare-topic", "/events?limit=10&topic="+rareTopic),
	}
}
