package loadgen

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
)

// Stage is a part of a run whose rate changes linearly, from that at the end of the
// stage before.
type Stage struct {
	// Duration is the time from the start to the end of the stage. 0 changes the rate
	// at once.
	Duration time.Duration
	// Rate is the number of events per second at the end of the stage.
	Rate float64
}

// String returns the stage in the form that [ParseStages] parses.
func (s Stage) String() string {
	return s.Duration.String() + ":" + strconv.FormatFloat(s.Rate, 'f', -1, 64)
}

// Limits of stages.
const (
	maxStages   = 100
	maxRate     = 1e9
	maxDuration = 365 * 24 * time.Hour
)

// ParseStages parses stages such as 30s:1000,1m:5000: a duration and the rate at its
// end, in events per second. Together they must take time.
func ParseStages(text string) ([]Stage, error) {
	parts := strings.Split(text, ",")
	if len(parts) > maxStages {
		return nil, fmt.Errorf("%d stages: at most %d are possible", len(parts), maxStages)
	}
	stages := make([]Stage, 0, len(parts))
	for _, part := range parts {
		stage, err := parseStage(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		stages = append(stages, stage)
	}
	if total := StagesDuration(stages); total <= 0 || total > maxDuration {
		return nil, fmt.Errorf("%q: the stages must take more than 0 s and at most a year", text)
	}
	return stages, nil
}

var errStage = errors.New("invalid stage (expected a duration and the events per second at its end, for example 30s:1000)")

func parseStage(text string) (Stage, error) {
	before, after, _ := strings.Cut(text, ":")
	d, errDuration := time.ParseDuration(before)
	rate, errRate := strconv.ParseFloat(after, 64)
	if errDuration != nil || errRate != nil || d < 0 || d > maxDuration || !(rate >= 0 && rate <= maxRate) {
		return Stage{}, fmt.Errorf("%q: %w", text, errStage)
	}
	return Stage{Duration: d, Rate: rate}, nil
}

// StagesDuration returns the time of all stages.
func StagesDuration(stages []Stage) time.Duration {
	var sum time.Duration
	for _, stage := range stages {
		sum += stage.Duration
	}
	return sum
}

// StagesEvents returns the number of events that stages schedule, if the rate before
// the first one is start.
func StagesEvents(start float64, stages []Stage) int64 {
	events := 0.0
	for _, stage := range stages {
		events += (start + stage.Rate) / 2 * stage.Duration.Seconds()
		start = stage.Rate
	}
	// The slots are numbered from 0, and one at the very end is not sent.
	return int64(math.Ceil(math.Round(events*1e6) / 1e6))
}

// dueInStages returns the scheduled time of a slot. It returns the maximum if the slot
// is after the last stage.
func dueInStages(start float64, stages []Stage, slot int64) time.Duration {
	var began time.Duration
	left := float64(slot)
	for _, stage := range stages {
		seconds := stage.Duration.Seconds()
		events := (start + stage.Rate) / 2 * seconds
		if left < events {
			return began + time.Duration(timeIn(start, stage.Rate, seconds, left)*float64(time.Second))
		}
		left -= events
		began += stage.Duration
		start = stage.Rate
	}
	return math.MaxInt64
}

// timeIn returns the seconds after which a rate that changes linearly has scheduled a
// number of events. It solves start·t + (end-start)/(2·seconds)·t² = events. This form
// of the solution is exact for a constant rate, too.
func timeIn(start, end, seconds, events float64) float64 {
	if events == 0 {
		return 0
	}
	slope := (end - start) / seconds
	root := math.Sqrt(max(0, start*start+2*slope*events))
	return min(seconds, 2*events/(start+root))
}

// stageAt returns the index of the stage that contains a time since the start.
func stageAt(stages []Stage, elapsed time.Duration) int {
	for i, stage := range stages {
		if elapsed -= stage.Duration; elapsed < 0 {
			return i
		}
	}
	return len(stages) - 1
}

// StageResult is what was measured in one stage. An event belongs to the stage in which
// it was scheduled, however late it was sent.
type StageResult struct {
	Stage
	// Events is the number of events with an outcome, Failed the number of those
	// without.
	Events, Failed int64
	Latency        Latency
}

// MarshalJSON encodes one object, with the duration in seconds and latencies in
// milliseconds.
func (s StageResult) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Duration float64 `json:"duration_seconds"`
		Rate     float64 `json:"rate"`
		Events   int64   `json:"events"`
		Failed   int64   `json:"failed"`
		Latency  Latency `json:"latency_ms"`
	}{s.Duration.Seconds(), s.Rate, s.Events, s.Failed, s.Latency})
}

// addStages adds a table with a line for each stage.
func addStages(t *text, stages []StageResult) {
	if len(stages) == 0 {
		return
	}
	t.line("%s %s %s %s %s %s", pad("stage", rowWidth+2), pad("to events/s", rowWidth), pad("events", rowWidth), pad("failed", rowWidth), pad("p50", rowWidth), pad("p99", rowWidth))
	for i, s := range stages {
		t.line("%s %s %s %s %s %s", pad(fmt.Sprintf("%d, %s", i+1, FormatDuration(s.Duration)), rowWidth+2), pad(humanize.Commaf(s.Rate), rowWidth), pad(humanize.Comma(s.Events), rowWidth),
			pad(humanize.Comma(s.Failed), rowWidth), pad(FormatDuration(s.Latency.P50), rowWidth), pad(FormatDuration(s.Latency.P99), rowWidth))
	}
}

// stageCounters are the results of a stage while the run goes on.
type stageCounters struct {
	latency        *latencies
	events, failed atomic.Int64
}
