package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// fakeTarget is a server in memory.
type fakeTarget struct {
	mu      sync.Mutex
	records map[event.Key]store.Record
	now     time.Time
	// notReady are the results of the first calls of Ready.
	notReady []error
	// queued are the results of the first calls of Queued.
	queued []int64
	// hidden is set if the key may not read the length of the queue.
	hidden bool
	// appended is called with the number of each append and may change its outcome.
	appended func(number int, e event.Event) (event.Outcome, error)
	appends  int
}

func newFakeTarget() *fakeTarget {
	return &fakeTarget{records: map[event.Key]store.Record{}, now: time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)}
}

func (f *fakeTarget) Append(_ context.Context, events []event.Event) ([]event.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	outcomes := make([]event.Outcome, len(events))
	for i, e := range events {
		f.appends++
		outcomes[i] = event.Duplicate
		if _, ok := f.records[e.Key()]; !ok {
			f.now = f.now.Add(time.Microsecond)
			f.records[e.Key()] = store.Record{Event: e, CreatedAt: f.now}
			outcomes[i] = event.Stored
		}
		if f.appended != nil {
			outcome, err := f.appended(f.appends, e)
			if err != nil {
				return nil, err
			}
			if outcome != 0 {
				outcomes[i] = outcome
			}
		}
	}
	return outcomes, nil
}

func (f *fakeTarget) Event(_ context.Context, key event.Key) (store.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if record, ok := f.records[key]; ok {
		return record, nil
	}
	return store.Record{}, store.ErrNotFound
}

func (f *fakeTarget) Queued(context.Context) (int64, error) {
	if f.hidden {
		return 0, &client.ResponseError{Status: http.StatusForbidden}
	}
	if len(f.queued) == 0 {
		return 0, nil
	}
	left := f.queued[0]
	f.queued = f.queued[1:]
	return left, nil
}

func (f *fakeTarget) Ready(context.Context) error {
	if len(f.notReady) == 0 {
		return nil
	}
	err := f.notReady[0]
	f.notReady = f.notReady[1:]
	return err
}

func (f *fakeTarget) Newest(context.Context) (time.Time, error) {
	if len(f.records) == 0 {
		return time.Time{}, nil
	}
	return f.now, nil
}

// thousandEvents are the options of a short verified run.
func thousandEvents() publishOptions {
	opts := defaultPublish()
	opts.generate.Count, opts.generate.Seed, opts.seeded, opts.verify = 1000, 5, true, true
	opts.send.Concurrency = 4
	return opts
}

func TestPublish_ReportsAndVerifies(t *testing.T) {
	t.Parallel()
	a, out, errOut := testApp()
	target := newFakeTarget()
	if err := a.publish(t.Context(), target, thousandEvents()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sent             1,000\n", "ignored            300 (30.0 %)\n", "verify: proven\n", "success: 700 = 700 keys"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if !strings.Contains(errOut.String(), "publishing 1,000 events, 300 of them duplicates, to http://127.0.0.1:8000\n") {
		t.Errorf("wrote %s", errOut)
	}
	// The same again as JSON.
	out.Reset()
	opts := thousandEvents()
	opts.format = "json"
	if err := a.publish(t.Context(), target, opts); err != nil {
		t.Fatal(err)
	}
	var report struct {
		Success int64         `json:"success"`
		Ignored int64         `json:"ignored"`
		Proof   loadgen.Proof `json:"verify"`
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if report.Success != 0 || report.Ignored != 1000 || !report.Proof.Holds || report.Proof.StoredBefore != 700 {
		t.Errorf("report %+v", report)
	}
}

func TestPublish_SendsNewEventsWithoutSeed(t *testing.T) {
	t.Parallel()
	a, _, _ := testApp()
	target := newFakeTarget()
	opts := thousandEvents()
	opts.seeded = false
	for range 2 {
		if err := a.publish(t.Context(), target, opts); err != nil {
			t.Fatal(err)
		}
	}
	if len(target.records) != 1400 {
		t.Errorf("%d events stored, expected 1,400", len(target.records))
	}
}

// A key with the scopes publish and read is enough to verify, also through a queue.
func TestPublish_VerifiesQueuedEventsWithoutTheScopeMetrics(t *testing.T) {
	t.Parallel()
	a, out, errOut := testApp()
	target := newFakeTarget()
	target.hidden = true
	target.appended = func(int, event.Event) (event.Outcome, error) { return event.Queued, nil }
	if err := a.publish(t.Context(), target, thousandEvents()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "verify: proven\n") || !strings.Contains(errOut.String(), "does not have the scope metrics") {
		t.Errorf("wrote %s\n%s", errOut, out)
	}
}

func TestPublish_DetectsWrongResponses(t *testing.T) {
	t.Parallel()
	a, out, _ := testApp()
	target := newFakeTarget()
	target.appended = func(number int, _ event.Event) (event.Outcome, error) {
		if number > 990 {
			return event.Stored, nil
		}
		return 0, nil
	}
	opts := thousandEvents()
	opts.checks = []loadgen.Check{{Metric: "sent", Operator: "<", Bound: 5000}}
	err := a.publish(t.Context(), target, opts)
	var check *checkError
	if !errors.As(err, &check) || !strings.Contains(err.Error(), "wrong responses") || !strings.Contains(err.Error(), "sent is 1,000") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(out.String(), loadgen.ProblemTwice) || !strings.Contains(out.String(), "fail-if sent<5000: FAILED") {
		t.Errorf("wrote %s", out)
	}
}

const oneLine = `{"topic":"t","event_id":"%s","timestamp":"2025-12-19T12:00:00Z","source":"s","payload":{}}` + "\n"

func TestPublish_SendsFileAndNamesBadLines(t *testing.T) {
	t.Parallel()
	text := fmt.Sprintf(oneLine, "a") + "\n{}\n" + fmt.Sprintf(oneLine, "b") + fmt.Sprintf(oneLine, "a")
	path := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, "-"} {
		a, out, errOut := testApp()
		a.in = bytes.NewBufferString(text)
		target := newFakeTarget()
		opts := defaultPublish()
		opts.file, opts.generate.DupRate, opts.verify = file, 0, true
		err := a.publish(t.Context(), target, opts)
		if err == nil || a.finish(t.Context(), err) != exitFailed {
			t.Errorf("%s: error %v", file, err)
		}
		if !strings.Contains(errOut.String(), "line 3: invalid event: topic is required; event_id is required") {
			t.Errorf("%s: wrote %s", file, errOut)
		}
		if !strings.Contains(out.String(), "bad lines            1\n") || !strings.Contains(out.String(), "verify: proven") || len(target.records) != 2 {
			t.Errorf("%s: wrote %s", file, out)
		}
	}
}

func TestPublish_FailsIfFileIsMissing(t *testing.T) {
	t.Parallel()
	a, out, _ := testApp()
	opts := defaultPublish()
	opts.file = filepath.Join(t.TempDir(), "none")
	if err := a.publish(t.Context(), newFakeTarget(), opts); !errors.Is(err, os.ErrNotExist) || out.Len() > 0 {
		t.Errorf("error %v, wrote %s", err, out)
	}
}

func TestPublish_ReportsIfInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	a, out, _ := testApp()
	target := newFakeTarget()
	target.appended = func(number int, _ event.Event) (event.Outcome, error) {
		if number == 100 {
			cancel(&signalError{number: 2})
		}
		return 0, nil
	}
	opts := thousandEvents()
	opts.format = "json"
	err := a.publish(ctx, target, opts)
	if code := a.finish(ctx, err); code != 130 {
		t.Errorf("exit code %d after %v", code, err)
	}
	if !strings.Contains(out.String(), `"interrupted": true`) || strings.Contains(out.String(), "verify") {
		t.Errorf("wrote %s", out)
	}
}

func TestPublish_FailsIfEventsFailed(t *testing.T) {
	t.Parallel()
	a, out, _ := testApp()
	target := newFakeTarget()
	target.appended = func(number int, _ event.Event) (event.Outcome, error) {
		switch number {
		case 10:
			return 0, errors.New("teapot")
		case 11:
			return event.Rejected, nil
		default:
			return 0, nil
		}
	}
	opts := thousandEvents()
	opts.verify = false
	err := a.publish(t.Context(), target, opts)
	if code := a.finish(t.Context(), err); code != exitFailed || !strings.Contains(err.Error(), "1 failed, 1 invalid") {
		t.Errorf("exit code %d after %v", code, err)
	}
	if !strings.Contains(out.String(), "first failure: teapot\n") {
		t.Errorf("wrote %s", out)
	}
}

func TestReach_ChecksOrWaitsForServer(t *testing.T) {
	t.Parallel()
	refused := &client.ConnectionError{Server: "http://127.0.0.1:8000", Err: syscall.ECONNREFUSED}
	starting := fmt.Errorf("server is not ready: %w", &client.ResponseError{Status: 503})
	tests := map[string]struct {
		notReady []error
		wait     bool
		timeout  time.Duration
		want     string
		took     time.Duration
	}{
		"a ready server":               {nil, false, time.Minute, "", 0},
		"no server":                    {[]error{refused}, false, time.Minute, "can't reach http://127.0.0.1:8000: connection refused", 0},
		"a server that starts":         {[]error{starting}, false, time.Minute, "", 0},
		"waiting for a server":         {[]error{refused, refused, starting}, true, time.Minute, "", 3 * readyInterval},
		"a server that never responds": {[]error{context.DeadlineExceeded}, false, time.Minute, "no response from http://127.0.0.1:8000: timed out", 0},
		"waiting for too long":         {[]error{refused, refused, refused}, true, 2 * readyInterval, "was not ready within", 2 * readyInterval},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, _, errOut := testApp()
				opts := defaultPublish()
				opts.wait, opts.waitTimeout = test.wait, test.timeout-time.Nanosecond
				began := time.Now()
				err := a.reach(t.Context(), &fakeTarget{notReady: test.notReady}, opts)
				if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, expected %q", err, test.want)
				}
				if took := time.Since(began).Round(time.Millisecond); took != test.took {
					t.Errorf("took %v, expected %v", took, test.took)
				}
				if told := strings.Contains(errOut.String(), "waiting for http://127.0.0.1:8000 to be ready"); told != test.wait {
					t.Errorf("wrote %q", errOut)
				}
			})
		})
	}
}

func TestPublish_AddsHintWithoutServer(t *testing.T) {
	t.Parallel()
	opts := defaultPublish()
	opts.client.URL = "http://" + testdb.FreeAddress(t)
	a, out, errOut := testApp()
	if code := a.finish(t.Context(), a.runPublish(t.Context(), opts)); code != exitFailed || out.Len() > 0 {
		t.Errorf("exit code %d, wrote %s", code, out)
	}
	for _, want := range []string{"eventagg: can't reach " + opts.client.URL + ": connection refused\n", "eventagg serve", "--wait"} {
		if !strings.Contains(errOut.String(), want) {
			t.Errorf("%q is missing in %s", want, errOut)
		}
	}
}
