package cmd

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestADatabaseThatOpensSlowlyIsToldOnce(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		after time.Duration
		lines int
	}{
		{"that opens at once", time.Second, 0},
		{"that waits for a lock", time.Hour, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				d := database{url: "postgres://me:secret@db/events"}
				ready := d.tellIfSlow(slog.New(slog.NewTextHandler(&log, nil)))
				<-time.After(row.after)
				synctest.Wait() // for the line
				ready()
				<-time.After(time.Hour)
				text := log.String()
				if strings.Count(text, "takes long") != row.lines || row.lines > 0 && !strings.Contains(text, "@db/events (PostgreSQL)") {
					t.Errorf("the log has %q", text)
				}
				if strings.Contains(text, "secret") {
					t.Error("the log has the password")
				}
			})
		})
	}
}
