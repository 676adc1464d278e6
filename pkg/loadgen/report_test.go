package loadgen

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"
)

const goldenReport = `sent            20,000
success         14,000
ignored          6,000 (30.0 %)
queued               0
invalid              0
failed               0
retried              2
elapsed         1.23 s
rate            16,207 events/s
p50             812 µs
p90            2.35 ms
p99            50.0 ms
p99.9           123 ms
max             1.20 s
`

const goldenExtra = `bad lines            3
`

func TestReport_WriteText(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := sampleReport().WriteText(&out); err != nil || out.String() != goldenReport {
		t.Errorf("%v\n got:\n%s\nwant:\n%s", err, out.String(), goldenReport)
	}
	full := sampleReport()
	full.BadLines = 3
	full.Interrupted = true
	full.FirstFailure = "store unavailable"
	full.Proof = &Proof{Holds: true, Keys: 1, Stored: 1}
	check, err := ParseCheck("p99>=50ms")
	if err != nil {
		t.Fatal(err)
	}
	full.Checks = []CheckResult{check.Eval(full)}
	out.Reset()
	if err := full.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		goldenExtra, "stopped before its end", "first failure: store unavailable\n", "fail-if p99>=50ms: FAILED, p99 is 50ms\n", "verify: proven\n",
	} {
		if !bytes.Contains(out.Bytes(), []byte(want)) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestReport_MarshalJSON(t *testing.T) {
	t.Parallel()
	report := sampleReport()
	report.Proof = &Proof{Keys: 2, Violations: 1, Offenders: []Offender{{Topic: "t", EventID: "i", Problem: ProblemTwice}}}
	report.Checks = []CheckResult{{Check: "failed>0", Measured: "0"}}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(report); err != nil {
		t.Fatal(err)
	}
	const want = `{"sent":20000,"success":14000,"ignored":6000,"queued":0,"invalid":0,"failed":0,"retried":2,"bad_lines":0,` +
		`"elapsed_seconds":1.234,"events_per_second":16207.5,` +
		`"latency_ms":{"p50":0.812,"p90":2.345,"p99":50,"p99.9":123.456,"max":1204},` +
		`"verify":{"holds":false,"keys":2,"success":0,"ignored":0,"stored_before":0,"other_content":0,"lost_responses":0,"violations":1,` +
		`"offenders":[{"topic":"t","event_id":"i","problem":"returned success more than once"}]},` +
		`"fail_if":[{"check":"failed>0","failed":false,"measured":"0"}]}` + "\n"
	if got := out.String(); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("pipe closed")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestReport_WriteTextReturnsError(t *testing.T) {
	t.Parallel()
	if err := sampleReport().WriteText(brokenWriter{}); !errors.Is(err, errBroken) {
		t.Errorf("error %v", err)
	}
}

func TestFormatDuration(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		give time.Duration
		want string
	}{
		"nothing":                    {0, "0 s"},
		"nanoseconds":                {999, "999 ns"},
		"microseconds":               {310 * time.Microsecond, "310 µs"},
		"milliseconds":               {1240 * time.Microsecond, "1.24 ms"},
		"tens of milliseconds":       {12345 * time.Microsecond, "12.3 ms"},
		"a rounded digit more":       {99960 * time.Microsecond, "100 ms"},
		"seconds":                    {12300 * time.Millisecond, "12.3 s"},
		"minutes":                    {125 * time.Second, "2m05s"},
		"hours":                      {3*time.Hour + 4*time.Minute, "3h04m"},
		"days":                       {50 * time.Hour, "2d02h"},
		"a negative duration":        {-time.Second, "-1.00 s"},
		"almost a minute is rounded": {59999 * time.Millisecond, "1m00s"},
		"almost a second is rounded": {999_999 * time.Microsecond, "1.00 s"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := FormatDuration(test.give); got != test.want {
				t.Errorf("%v is %q, want %q", int64(test.give), got, test.want)
			}
		})
	}
}
