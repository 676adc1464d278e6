package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"
)

// text gathers lines, so that writing them can fail in one place only.
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

// formatDuration writes three digits and a unit: 850 µs, 12.3 ms, 1.50 s; from
// two minutes on, whole seconds: 2m5s.
func formatDuration(d time.Duration) string {
	switch {
	case d >= 2*time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return threeDigits(d.Seconds()) + " s"
	case d >= time.Millisecond:
		return threeDigits(float64(d)/float64(time.Millisecond)) + " ms"
	default:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	}
}

func threeDigits(value float64) string {
	switch {
	case value >= 99.95:
		return strconv.FormatFloat(value, 'f', 0, 64)
	case value >= 9.995:
		return strconv.FormatFloat(value, 'f', 1, 64)
	default:
		return strconv.FormatFloat(value, 'f', 2, 64)
	}
}
