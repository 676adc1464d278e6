package loadgen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"
	"unicode/utf8"

	"github.com/dustin/go-humanize"

	"github.com/eventagg/eventagg/pkg/api"
)

// Report is the result of a run.
type Report struct {
	Counts
	// BadLines counts the lines of a file that are invalid events and were not
	// sent.
	BadLines int64
	// Elapsed is the time from the start of the run to its last response.
	Elapsed time.Duration
	// Rate is the number of completed events per second.
	Rate    float64
	Latency Latency
	// Histogram has the latencies of all requests. A report with none shows none.
	Histogram []Bucket
	// Responses are the numbers of responses by HTTP status, if they were counted.
	Responses []StatusCount
	// Stages are the results of each stage, if the run has stages.
	Stages []StageResult
	// Settings describe the run, so that two runs can be compared.
	Settings map[string]string
	// Comparison is nil if there was nothing to compare with.
	Comparison *Comparison
	// FirstFailure is the error of one of the failures, "" if there are none.
	FirstFailure string
	// Interrupted reports that the run was stopped before its end.
	Interrupted bool
	// Proof is nil if the run was not verified.
	Proof *Proof
	// Checks are the results of --fail-if, in order.
	Checks []CheckResult
}

// MarshalJSON encodes one object, with times in seconds, latencies in milliseconds
// and the rate in events per second.
func (r Report) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // checks have < and > in them
	responses := map[string]int64{}
	for _, c := range r.Responses {
		responses[c.name()] = c.Requests
	}
	err := enc.Encode(struct {
		Sent         int64             `json:"sent"`
		Stored       int64             `json:"success"`
		Duplicate    int64             `json:"ignored"`
		Queued       int64             `json:"queued"`
		Refused      int64             `json:"invalid"`
		Failed       int64             `json:"failed"`
		Retried      int64             `json:"retried"`
		BadLines     int64             `json:"bad_lines"`
		Elapsed      float64           `json:"elapsed_seconds"`
		Rate         float64           `json:"events_per_second"`
		Latency      Latency           `json:"latency_ms"`
		Responses    map[string]int64  `json:"responses,omitempty"`
		Histogram    []Bucket          `json:"histogram,omitempty"`
		Stages       []StageResult     `json:"stages,omitempty"`
		Settings     map[string]string `json:"settings,omitempty"`
		FirstFailure string            `json:"first_failure,omitempty"`
		Interrupted  bool              `json:"interrupted,omitempty"`
		Proof        *Proof            `json:"verify,omitempty"`
		Checks       []CheckResult     `json:"fail_if,omitempty"`
		Comparison   *Comparison       `json:"compare,omitempty"`
	}{
		r.Sent, r.Stored, r.Duplicate, r.Queued, r.Refused(), r.Failed, r.Retried, r.BadLines, roundTo(r.Elapsed.Seconds(), 1e6), roundTo(r.Rate, 10), r.Latency,
		responses, r.Histogram, r.Stages, r.Settings, r.FirstFailure, r.Interrupted, r.Proof, r.Checks, r.Comparison,
	})
	return out.Bytes(), err
}

func roundTo(value, parts float64) float64 { return math.Round(value*parts) / parts }

// WriteText writes the report as text: a table, then the proof and the checks, if
// there are any.
func (r Report) WriteText(out io.Writer) error {
	t := &text{}
	for _, row := range r.rows() {
		t.line("%-9s %s%s", row.name, pad(row.value, rowWidth), row.note)
	}
	for _, line := range histogramLines(r.Histogram) {
		t.line("%s", line)
	}
	addStages(t, r.Stages)
	if r.Interrupted {
		t.line("stopped before its end; what was under way counts as failed")
	}
	if r.FirstFailure != "" {
		t.line("first failure: %s", api.Printable(r.FirstFailure))
	}
	for _, check := range r.Checks {
		t.line("%s", check)
	}
	if r.Comparison != nil {
		r.Comparison.addTo(t)
	}
	if err := t.writeTo(out); err != nil {
		return err
	}
	if r.Proof == nil {
		return nil
	}
	return r.Proof.WriteText(out)
}

// rowWidth has room for the numbers of a run of 100 million events.
const rowWidth = 12

type row struct{ name, value, note string }

func (r Report) rows() []row {
	rows := []row{
		{"sent", humanize.Comma(r.Sent), ""},
		{"success", humanize.Comma(r.Stored), ""},
		{"ignored", humanize.Comma(r.Duplicate), r.duplicatePercent()},
		{"queued", humanize.Comma(r.Queued), ""},
		{"invalid", humanize.Comma(r.Refused()), ""},
		{"failed", humanize.Comma(r.Failed), ""},
		{"retried", humanize.Comma(r.Retried), ""},
	}
	if r.BadLines > 0 {
		rows = append(rows, row{"bad lines", humanize.Comma(r.BadLines), ""})
	}
	for i, c := range r.Responses {
		name := "responses"
		if i > 0 {
			name = ""
		}
		rows = append(rows, row{name, humanize.Comma(c.Requests), " (" + c.name() + ")"})
	}
	rows = append(
		rows,
		row{"elapsed", FormatDuration(r.Elapsed), ""},
		row{"rate", humanize.Comma(int64(math.Round(r.Rate))), " events/s"},
	)
	for _, p := range r.Latency.shown() {
		rows = append(rows, row{p.name, FormatDuration(p.value), ""})
	}
	return rows
}

// duplicatePercent returns the percentage of duplicates.
func (r Report) duplicatePercent() string {
	if r.Duplicate == 0 || r.Completed() == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.1f %%)", 100*float64(r.Duplicate)/float64(r.Completed()))
}

// pad right-aligns a value in width characters.
func pad(value string, width int) string {
	return fmt.Sprintf("%*s%s", max(0, width-utf8.RuneCountInString(value)), "", value)
}
