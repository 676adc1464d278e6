package sql

import (
	"io/fs"
	"path"
	"regexp"
	"testing"
)

// TestPostgres_EveryTableHasASchema: a name without a schema depends on the search path,
// which a role, a database or a new schema can change.
func TestPostgres_EveryTableHasASchema(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(Files, "postgres/*/*.sql")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	unqualified := regexp.MustCompile(`(?i)\b(FROM|JOIN|INTO|UPDATE|TABLE|ON)\s+(shards|locks|layout|topics|identities|events|partitions|commits|repeats|totals|sums|folded|ticks|deliveries|duplicate_reports|eventagg_migrations)\b`)
	for _, file := range files {
		text, err := fs.ReadFile(Files, file)
		if err != nil {
			t.Fatal(err)
		}
		if path.Base(file) != "ready.sql" { // which names tables as values
			comments := regexp.MustCompile(`(?m)--.*$`)
			if found := unqualified.Find(comments.ReplaceAll(text, nil)); found != nil {
				t.Errorf("%s: %s: the table has no schema", file, found)
			}
		}
	}
}
