package duplicates

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// clone copies a text of an event, which may be a part of a large body.
func clone(text string) string { return strings.Clone(text) }

// newReport returns an empty report about the key of an event.
func newReport(e *event.Event, now time.Time) *store.DuplicateReport {
	return &store.DuplicateReport{Key: event.Key{Topic: clone(e.Topic), ID: clone(e.ID)}, FirstSeen: now}
}

// sizeOf is about the memory of a report.
func sizeOf(report *store.DuplicateReport) int {
	const fixed = 300 // struct, slot in the map, headers of texts
	size := fixed + len(report.Topic) + len(report.ID)
	for _, source := range report.Sources {
		size += len(source)
	}
	for _, member := range report.Differing {
		size += len(member)
	}
	return size
}

// Merge adds a newer report about the same key to a report.
func Merge(report, newer *store.DuplicateReport) {
	report.Repeats += newer.Repeats
	report.Conflicts += newer.Conflicts
	if newer.FirstSeen.Before(report.FirstSeen) {
		report.FirstSeen = newer.FirstSeen
	}
	if newer.LastSeen.After(report.LastSeen) {
		report.LastSeen = newer.LastSeen
	}
	report.Sources = union(report.Sources, newer.Sources, store.MaxReportSources)
	report.Differing = union(report.Differing, newer.Differing, store.MaxReportMembers)
}

// union returns the texts of both lists, the first limit of them.
func union(list, more []string, limit int) []string {
	for _, text := range more {
		if len(list) < limit && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// JSONList returns a list of texts as a JSON array, the form in which stores keep it.
func JSONList(list []string) string {
	if len(list) == 0 {
		return "[]"
	}
	text, err := json.Marshal(list)
	if err != nil { // texts always encode
		return "[]"
	}
	return string(text)
}
