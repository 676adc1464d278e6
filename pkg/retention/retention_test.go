package retention_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/retention"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const day = 24 * time.Hour

func TestPartitionWidth(t *testing.T) {
	t.Parallel()
	for maxAge, want := range map[time.Duration]time.Duration{
		0: 7 * day, time.Minute: time.Hour, 8 * time.Hour: time.Hour, day: 3 * time.Hour, 10 * day: 30 * time.Hour, 56 * day: 7 * day, 3650 * day: 7 * day,
	} {
		if got := retention.PartitionWidth(maxAge); got != want {
			t.Errorf("for a maximum age of %v: %v, want %v", maxAge, got, want)
		}
	}
}

func TestAges_At(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	for ages, want := range map[retention.Ages]store.Retention{
		{}:                                {},
		{Data: day}:                       {DataBefore: now.Add(-day)},
		{Data: day, Identities: 30 * day}: {DataBefore: now.Add(-day), IdentitiesBefore: now.Add(-30 * day)},
		{Data: 2 * day, Identities: day}:  {DataBefore: now.Add(-2 * day), IdentitiesBefore: now.Add(-2 * day)},
		{Identities: day}:                 {IdentitiesBefore: now.Add(-day)},
	} {
		if got := ages.At(now); got != want {
			t.Errorf("%+v: %+v, want %+v", ages, got, want)
		}
	}
}

func TestOverdue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, row := range map[string]struct {
		held store.Holdings
		want time.Duration
	}{
		"nothing is stored":                       {store.Holdings{}, 0},
		"one part, young":                         {store.Holdings{Oldest: ago(9 * day), Parts: []store.Part{{Events: 1}}}, 0},
		"one part, old":                           {store.Holdings{Oldest: ago(12 * day), Parts: []store.Part{{Events: 1}}}, 2 * day},
		"the oldest part ends young":              {store.Holdings{Oldest: ago(12 * day), Parts: []store.Part{{Until: ago(9 * day), Events: 1}, {Until: now}}}, 0},
		"the oldest part is old":                  {store.Holdings{Oldest: ago(14 * day), Parts: []store.Part{{Until: ago(13 * day), Events: 1}, {Until: now}}}, 3 * day},
		"the oldest part is old, but it is empty": {store.Holdings{Oldest: ago(8 * day), Parts: []store.Part{{Until: ago(13 * day)}, {Until: now, Events: 1}}}, 0},
	} {
		if got := retention.Overdue(row.held, 10*day, now); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// fake is a store whose steps are prepared.
type fake struct {
	store.Retainer

	steps []store.Retained
	err   error
	asked []store.Retention
}

func (f *fake) Retain(_ context.Context, r store.Retention) (store.Retained, error) {
	f.asked = append(f.asked, r)
	if f.err != nil || len(f.steps) == 0 {
		return store.Retained{}, f.err
	}
	step := f.steps[0]
	f.steps = f.steps[1:]
	return step, nil
}

func TestRun_DropsUntilThereIsNoMoreAndLooksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		f := &fake{steps: []store.Retained{{Events: 5, More: true}, {LogRows: 3, More: true}, {Identities: 2, More: true}}}
		var log bytes.Buffer
		var sum int64
		began := time.Now()
		retention.Run(ctx, retention.Options{
			Store: f, Ages: retention.Ages{Data: 16 * time.Hour, Identities: 32 * time.Hour}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			OnStep: func(r store.Retained) { sum += r.Events + r.Identities },
		})
		if sum != 7 || strings.Count(log.String(), "old data dropped") != 1 || !strings.Contains(log.String(), "events=5 identities=2") {
			t.Errorf("dropped %d, logged\n%s", sum, log.String())
		}
		withIdentities := 0
		for _, r := range f.asked {
			if r.DataBefore.IsZero() || r.DataBefore.Before(began.Add(-16*time.Hour)) {
				t.Errorf("asked to drop %+v", r)
			}
			if !r.IdentitiesBefore.IsZero() {
				withIdentities++
			}
		}
		if len(f.asked) != 4+2 || withIdentities != 4+2 { // one round an hour
			t.Errorf("%d calls, %d with identities", len(f.asked), withIdentities)
		}
	})
}

func TestRun_WarnsIfItIsBlockedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Minute)
		defer cancel()
		f := &fake{}
		for range 20 {
			f.steps = append(f.steps, store.Retained{Blocked: true})
		}
		var log bytes.Buffer
		retention.Run(ctx, retention.Options{Store: f, Ages: retention.Ages{Data: 30 * day}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if strings.Count(log.String(), "retention blocked by a long transaction") != 1 || strings.Count(log.String(), "retention no longer blocked") != 1 {
			t.Errorf("logged\n%s", log.String())
		}
	})
}

func TestRun_ContinuesAfterAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		f := &fake{err: errors.New("broken")}
		var log bytes.Buffer
		retention.Run(ctx, retention.Options{Store: f, Ages: retention.Ages{Data: day}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if len(f.asked) < 3 || strings.Count(log.String(), "old data not dropped") != len(f.asked) {
			t.Errorf("%d calls, logged\n%s", len(f.asked), log.String())
		}
	})
}

func TestRun_ReturnsWithoutAges(t *testing.T) {
	t.Parallel()
	f := &fake{}
	retention.Run(t.Context(), retention.Options{Store: f})
	if len(f.asked) > 0 {
		t.Errorf("%d calls without a maximum age", len(f.asked))
	}
}
