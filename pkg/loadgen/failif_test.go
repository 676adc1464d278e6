package loadgen

import (
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

func sampleReport() Report {
	return Report{
		Counts:  Counts{Sent: 20_000, Tally: event.Tally{Stored: 14_000, Duplicate: 6_000}, Retried: 2},
		Elapsed: 1234 * time.Millisecond,
		Rate:    16207.46,
		Latency: Latency{
			P50: 812 * time.Microsecond, P90: 2345 * time.Microsecond, P99: 50 * time.Millisecond,
			P999: 123456 * time.Microsecond, Max: 1204 * time.Millisecond,
		},
	}
}

func TestCheck_Eval(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text     string
		failed   bool
		measured string
	}{
		"a latency below its bound":           {"p99>51ms", false, "50ms"},
		"a latency at its bound is not above": {"p99>50ms", false, "50ms"},
		"a latency at its bound is at least":  {"p99>=50ms", true, "50ms"},
		"a latency above its bound":           {"max > 1.2s", true, "1.204s"},
		"a metric with a dot":                 {"p99.9>0.1s", true, "123.456ms"},
		"a median in spaces":                  {" p50 < 1ms ", true, "812µs"},
		"the ninetieth":                       {"p90<=2ms", false, "2.345ms"},
		"a rate below what is wanted":         {"rate<20000", true, "16,207.5 events/s"},
		"a rate as wanted":                    {"rate<1e4", false, "16,207.5 events/s"},
		"no event may fail":                   {"failed>0", false, "0"},
		"no request may be retried":           {"retried>0", true, "2"},
		"a number of stored events":           {"success<14000", false, "14,000"},
		"a number of repeats at its bound":    {"ignored<=6000", true, "6,000"},
		"nothing invalid":                     {"invalid>0", false, "0"},
		"everything sent":                     {"sent<20000", false, "20,000"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check, err := ParseCheck(test.text)
			if err != nil {
				t.Fatal(err)
			}
			result := check.Eval(sampleReport())
			if result.Failed != test.failed || result.Measured != test.measured {
				t.Errorf("%s: failed %v at %s, want %v at %s", test.text, result.Failed, result.Measured, test.failed, test.measured)
			}
			if line := result.String(); !strings.Contains(line, test.measured) || strings.Contains(line, "FAILED") != test.failed {
				t.Errorf("line %q", line)
			}
		})
	}
}

func TestParseCheck_ExplainsInvalidChecks(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":             "expected a metric",
		"p99":          "expected a metric",
		"p99=50ms":     "expected a metric",
		"p98>50ms":     `unknown metric "p98" (expected one of p50, p90`,
		">50ms":        `unknown metric ""`,
		"p99>50":       "invalid duration",
		"p99>-5ms":     "invalid duration",
		"p99>":         "invalid duration",
		"rate<50ms":    "invalid number",
		"rate<NaN":     "invalid number",
		"failed>-1":    "invalid number",
		"failed>=Inf":  "invalid number",
		"failed>>0":    "invalid number",
		"rate=>100":    "unknown metric",
		"p99.9 >= <1s": "invalid duration",
	}
	for text, want := range tests {
		if _, err := ParseCheck(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseCheck(f *testing.F) {
	for _, seed := range []string{"p99>50ms", "rate<=1e4", "failed > 0", "p99.9>=1h2m3.5s", "max<0.1us"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		check, err := ParseCheck(text)
		if err != nil {
			return
		}
		again, err := ParseCheck(check.String())
		if err != nil || again != check {
			t.Fatalf("%q is read as %+v, which writes %q and is read as %+v, %v", text, check, check.String(), again, err)
		}
		if check.Eval(Report{}).Measured == "" {
			t.Fatalf("%q measures nothing", text)
		}
	})
}
