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

// silentStore is asked for nothing but how it is.
type silentStore struct {
	store.Store

	away atomic.Bool
}

func (s *silentStore) Ping(context.Context) error {
	if s.away.Load() {
		return errors.New("pulled the plug")
	}
	return nil
}

// TestOutageThatNoEventMeetsIsLogged has no broker, whose gate would tell of it.
func TestOutageThatNoEventMeetsIsLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		s, events := &service{metrics: metrics.New(metrics.Options{})}, &silentStore{}
		if _, err := s.openRoutes(t.Context(), config.Default(), events, slog.New(slog.NewTextHandler(&text, nil))); err != nil {
			t.Fatal(err)
		}
		const outage = 10 * time.Second
		for _, away := range []bool{false, true, false} {
			events.away.Store(away)
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
