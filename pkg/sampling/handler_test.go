package sampling_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/sampling"
)

// output is a log with one record a line, without times.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// take returns the lines since the last call.
func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.text.Reset()
	return strings.TrimSuffix(o.text.String(), "\n")
}

func newLog() (*slog.Logger, *sampling.Handler, *output) {
	var out output
	noTime := func(_ []string, attr slog.Attr) slog.Attr {
		if attr.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return attr
	}
	handler := sampling.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: noTime}), sampling.Options{})
	return slog.New(handler), handler, &out
}

func expect(t *testing.T, out *output, want ...string) {
	t.Helper()
	if got := out.take(); got != strings.Join(want, "\n") {
		t.Errorf("the log has\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestHandler_WritesFirstAtOnceAndRestAsOneRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, handler, out := newLog()
		defer handler.Close()
		for i := range 5 {
			log.Warn("event rejected", slog.Int("events", 2), slog.Int("try", i))
		}
		expect(t, out, `level=WARN msg="event rejected" events=2 try=0`)
		time.Sleep(time.Second)
		synctest.Wait()
		expect(t, out, `level=WARN msg="event rejected" events=8 try=4 repeated=4`)
	})
}

func TestHandler_WritesLessOftenWhileFloodGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, handler, out := newLog()
		defer handler.Close()
		for range 600 * 10 {
			log.Warn("overloaded")
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if lines := strings.Count(out.take(), "\n") + 1; lines < 10 || lines > 20 {
			t.Errorf("10 minutes of a flood are %d lines, want one a minute and some at its start", lines)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		out.take()
		log.Warn("overloaded")
		expect(t, out, `level=WARN msg=overloaded`)
	})
}

func TestHandler_KeepsUnequalRecordsApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, handler, out := newLog()
		defer handler.Close()
		log.Warn("dependency unavailable", slog.String("dependency", "database"))
		log.Warn("dependency unavailable", slog.String("dependency", "queue"))
		log.With(slog.String("dependency", "third")).Warn("dependency unavailable")
		log.Error("dependency unavailable", slog.String("dependency", "queue"))
		log.Info("started")
		expect(t, out,
			`level=WARN msg="dependency unavailable" dependency=database`,
			`level=WARN msg="dependency unavailable" dependency=queue`,
			`level=WARN msg="dependency unavailable" dependency=third`,
			`level=ERROR msg="dependency unavailable" dependency=queue`,
			`level=INFO msg=started`)
	})
}

func TestHandler_PassesSingleRepeatAsItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, handler, out := newLog()
		defer handler.Close()
		log.Warn("unsafe", slog.String("setting", "a"))
		log.WithGroup("redis").Warn("unsafe", slog.String("setting", "b"))
		time.Sleep(time.Second)
		synctest.Wait()
		expect(t, out, `level=WARN msg=unsafe setting=a`, `level=WARN msg=unsafe redis.setting=b`)
	})
}

func TestHandler_PassesDebugRecords(t *testing.T) {
	t.Parallel()
	log, handler, out := newLog()
	defer handler.Close()
	log.Debug("request")
	log.Debug("request")
	expect(t, out, `level=DEBUG msg=request`, `level=DEBUG msg=request`)
}

func TestHandler_CloseWritesWhatIsHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, handler, out := newLog()
		for range 3 {
			log.Warn("late", slog.Int64("events", 1))
		}
		out.take()
		handler.Close()
		expect(t, out, `level=WARN msg=late events=2 repeated=2`)
		log.Warn("late")
		log.Warn("late")
		expect(t, out, `level=WARN msg=late`, `level=WARN msg=late`)
		time.Sleep(time.Minute) // no timer is left
		synctest.Wait()
		expect(t, out, ``)
	})
}
