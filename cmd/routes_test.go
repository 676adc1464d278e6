package cmd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/metrics"
	"github.com/eventagg/eventagg/pkg/store"
)

// pingedStore is a store that gets only health checks.
type pingedStore struct {
	store.Store

	unavailable atomic.Bool
}

func (s *pingedStore) Ping(context.Context) error {
	if s.unavailable.Load() {
		return errors.New("pulled the plug")
	}
	return nil
}

// There is no queue, and no event arrives during the outage.
func TestRoutes_LogOutageWithoutEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		s, events := &service{metrics: metrics.New(metrics.Options{})}, &pingedStore{}
		if _, err := s.openRoutes(t.Context(), config.Default(), events, slog.New(slog.NewTextHandler(&text, nil))); err != nil {
			t.Fatal(err)
		}
		const outage = 10 * time.Second
		for _, unavailable := range []bool{false, true, false} {
			events.unavailable.Store(unavailable)
			time.Sleep(outage)
		}
		if err := s.open.unwind(t.Context()); err != nil {
			t.Fatal(err)
		}
		log := text.String()
		if strings.Count(log, "\n") != 2 || !strings.Contains(log, `msg="dependency unavailable" dependency=database`) || !strings.Contains(log, `error="pulled the plug"`) ||
			!strings.Contains(log, `msg="dependency available again" dependency=database`) {
			t.Errorf("the log of an outage:\n%s", log)
		}
	})
}
