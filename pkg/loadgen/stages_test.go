package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/retry"
)

func TestParseStages(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]Stage{
		"30s:1000":          {{30 * time.Second, 1000}},
		"30s:1000,1m:5000":  {{30 * time.Second, 1000}, {time.Minute, 5000}},
		"0s:100, 1m30s:0.5": {{0, 100}, {90 * time.Second, 0.5}},
	} {
		if got, err := ParseStages(text); err != nil || len(got) != len(want) || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                             `"": invalid stage (expected a duration`,
		"30s":                          "invalid stage",
		"30:1000":                      "invalid stage",
		"30s:1000,":                    "invalid stage",
		"30s:-1":                       "invalid stage",
		"-1s:10":                       "invalid stage",
		"30s:NaN":                      "invalid stage",
		"1s:1e10":                      "invalid stage",
		"0s:1000":                      "must take more than 0 s",
		strings.Repeat("1s:1,", 100):   "101 stages",
		strings.Repeat("8000h:1,", 10): "invalid stage",
		"8000h:1,8000h:1":              "at most a year",
	} {
		if _, err := ParseStages(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzParseStages(f *testing.F) {
	for _, text := range []string{"30s:1000,1m:5000", "0s:1,1h:0", "1ns:1e9", "1s:1e-300"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stages, err := ParseStages(text)
		if err != nil {
			return
		}
		texts := make([]string, len(stages))
		for i, stage := range stages {
			texts[i] = stage.String()
		}
		again, err := ParseStages(strings.Join(texts, ","))
		if err != nil || len(again) != len(stages) || again[0] != stages[0] {
			t.Fatalf("%q is %v, which parses as %v, %v", text, stages, again, err)
		}
		before := time.Duration(0)
		for _, slot := range []int64{0, 1, 2, 1000, math.MaxInt64} {
			due := dueInStages(1, stages, slot)
			if due < before || due > StagesDuration(stages) && due != math.MaxInt64 {
				t.Fatalf("%q: slot %d is due after %v, the one before after %v", text, slot, due, before)
			}
			before = due
		}
	})
}

func TestPacer_FollowsStages(t *testing.T) {
	t.Parallel()
	const never = time.Duration(math.MaxInt64)
	tests := map[string]struct {
		start  float64
		stages string
		slot   int64
		due    time.Duration
	}{
		"the first event of a ramp from 0 is due at once":       {0, "10s:100", 0, 0},
		"a quarter of a ramp's events takes half of its time":   {0, "10s:100", 125, 5 * time.Second},
		"the second stage begins at the rate of the first":      {0, "10s:100,10s:100", 600, 11 * time.Second},
		"a ramp down has most of its events early":              {100, "10s:0", 375, 5 * time.Second},
		"the rate before the first stage is that of the pacer":  {100, "10s:100", 100, time.Second},
		"a stage of 0 s changes the rate at once":               {0, "0s:1000,10s:1000", 5000, 5 * time.Second},
		"a stage with the rate 0 is a pause":                    {100, "1s:100,0s:0,5s:0,0s:100,1s:100", 100, 6 * time.Second},
		"an event at the end of the last stage is never due":    {100, "10s:100", 1000, never},
		"the last event is due before the end":                  {100, "10s:100", 999, 9990 * time.Millisecond},
		"an event long after the last stage is never due":       {0, "10s:100", math.MaxInt64, never},
		"a ramp down ends exactly where its time does, not NaN": {1, "1s:0", 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := Pacer{Rate: test.start}
			for part := range strings.SplitSeq(test.stages, ",") {
				stage, err := parseStage(part)
				if err != nil {
					t.Fatal(err)
				}
				p.Stages = append(p.Stages, stage)
			}
			if got := p.Due(test.slot); (got-test.due).Abs() > time.Microsecond || !p.Open() {
				t.Errorf("due after %v, want %v", got, test.due)
			}
		})
	}
}

func TestStagesEvents_AreThoseThatAreDue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"10s:100": 500, "30s:1000,1m:5000": 195_000, "0s:10,1s:10": 10, "1s:1": 1, "3s:7": 11} {
		stages, err := ParseStages(text)
		if err != nil {
			t.Fatal(err)
		}
		got := StagesEvents(0, stages)
		if end := StagesDuration(stages); got != want || dueInStages(0, stages, got-1) >= end || dueInStages(0, stages, got) < end {
			t.Errorf("%s: %d events, want %d; the last is due after %v", text, got, want, dueInStages(0, stages, got-1))
		}
	}
}

func TestRunner_ReportsStages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := newMemoryStore()
		began := time.Now()
		target.before = func(ctx context.Context, number int) error {
			switch {
			case time.Since(began) < 12*time.Second:
				return retry.Sleep(ctx, time.Millisecond)
			case number%2 == 0:
				return errBroken
			default: // slower than the rate: events are late
				return retry.Sleep(ctx, time.Second)
			}
		}
		stages, err := ParseStages("10s:10,2s:10,5s:10")
		if err != nil {
			t.Fatal(err)
		}
		g := mustGenerator(t, GeneratorOptions{Count: StagesEvents(0, stages)})
		report, err := New(target, g.Source(), Options{Concurrency: 2, Stages: stages}).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		first, second, third := report.Stages[0], report.Stages[1], report.Stages[2]
		if first.Events != 50 || first.Failed != 0 || second.Events != 20 || second.Stage != stages[1] {
			t.Errorf("stages %+v", report.Stages)
		}
		if third.Events == 0 || third.Failed == 0 || first.Latency.Max > 10*time.Millisecond || third.Latency.Max < time.Second {
			t.Errorf("the failures and the latency of the last stage are %+v", third)
		}
		if report.Elapsed < 17*time.Second || report.Elapsed > 19*time.Second {
			t.Errorf("took %v", report.Elapsed)
		}
		out := &text{}
		addStages(out, []StageResult{{Stage: stages[0], Events: 50, Failed: 1, Latency: Latency{P50: time.Millisecond, P99: time.Second}}})
		const want = "         stage  to events/s       events       failed          p50          p99\n" +
			"     1, 10.0 s           10           50            1      1.00 ms       1.00 s\n"
		if out.String() != want {
			t.Errorf("\n got\n%s\nwant\n%s", out, want)
		}
	})
}

func TestResponses_AreCountedByStatus(t *testing.T) {
	t.Parallel()
	var r Responses
	for _, status := range []int{200, 503, 200, NoResponse, 999, -1} {
		r.Count(status)
	}
	report := sampleReport()
	report.Responses = r.Counts()
	var out bytes.Buffer
	if err := report.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	const want = "responses            2 (200)\n                     1 (503)\n                     1 (none)\n"
	if !strings.Contains(out.String(), want) {
		t.Errorf("%q is missing in\n%s", want, &out)
	}
	if data, err := json.Marshal(report); err != nil || !strings.Contains(string(data), `"responses":{"200":2,"503":1,"none":1}`) {
		t.Errorf("%s, %v", data, err)
	}
}
