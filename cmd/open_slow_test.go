package cmd

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestDatabase_LogsSlowOpeningOnce(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		after time.Duration
		lines int
	}{
		{"opens at once", time.Second, 0},
		{"waits for a lock", time.Hour, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				d := database{url: "postgres://me:secret@db/events"}
				ready := d.logIfSlow(slog.New(slog.NewTextHandler(&log, nil)))
				time.Sleep(row.after)
				synctest.Wait() // for the record
				ready()
				time.Sleep(time.Hour)
				text := log.String()
				if strings.Count(text, "is slow") != row.lines || row.lines > 0 && !strings.Contains(text, "@db/events (PostgreSQL)") {
					t.Errorf("the log has %q", text)
				}
				if strings.Contains(text, "secret") {
					t.Error("the log has the password")
				}
			})
		})
	}
}
