package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// text collects lines, so that writing fails in only one place.
type text struct{ bytes.Buffer }

func (t *text) line(format string, args ...any) {
	fmt.Fprintf(&t.Buffer, format, args...)
	t.WriteByte('\n')
}

func (t *text) writeTo(out io.Writer) error {
	if _, err := out.Write(t.Bytes()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// FormatDuration formats a duration with a unit and about three significant
// digits: "1.24 ms", "310 µs", "12.3 s", "2m05s".
func FormatDuration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + FormatDuration(-d)
	case d == 0:
		return "0 s"
	}
	units := []struct {
		name string
		size time.Duration
	}{{"ns", time.Nanosecond}, {"µs", time.Microsecond}, {"ms", time.Millisecond}, {"s", time.Second}}
	for i, unit := range units {
		// 999.6 ms is "1.00 s", not "1000 ms".
		limit := time.Minute - 50*time.Millisecond
		if i+1 < len(units) {
			limit = units[i+1].size - unit.size/2
		}
		if d < limit {
			return threeDigits(float64(d)/float64(unit.size), unit.size > 1) + " " + unit.name
		}
	}
	return formatLongDuration(d.Round(time.Second))
}

func formatLongDuration(d time.Duration) string {
	hours, minutes, seconds := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case hours >= 24:
		return fmt.Sprintf("%dd%02dh", hours/24, hours%24)
	case hours > 0:
		return fmt.Sprintf("%dh%02dm", hours, minutes)
	default:
		return fmt.Sprintf("%dm%02ds", minutes, seconds)
	}
}

func threeDigits(x float64, fraction bool) string {
	switch {
	case !fraction || x >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case x >= 9.995:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}
