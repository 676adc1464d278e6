package doctor

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/eventagg/eventagg/pkg/store/postgres"
)

// bytesOf formats a size: 1.5 GiB.
func bytesOf(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// namesOf returns the names of the tables that match, with commas between them.
func namesOf(tables []postgres.Table, match func(postgres.Table) bool) string {
	var names []string
	for _, t := range tables {
		if match(t) {
			names = append(names, t.Name)
		}
	}
	return strings.Join(names, ", ")
}

// needed returns how many standbys a value of synchronous_standby_names requires: 2 for
// "FIRST 2 (a, b)", "ANY 2 (*)" and "2 (a, b)", and 1 for "a, b" and "*".
func needed(names string) int {
	found := regexp.MustCompile(`(?i)^\s*(?:FIRST\s+|ANY\s+)?(\d+)\s*\(`).FindStringSubmatch(names)
	if found == nil {
		return 1
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

// seconds formats a number of seconds: 2m30s.
func seconds(n int64) string { return (time.Duration(n) * time.Second).String() }

// expiry judges the end of a certificate or key.
func expiry(what string, end, now time.Time, fix string) result {
	const soon = 14 * 24 * time.Hour
	switch left := end.Sub(now); {
	case left <= 0:
		return found(Failure, fmt.Sprintf("%s has expired on %s", what, end.UTC().Format(time.DateOnly)), fix)
	case left < soon:
		return found(Warning, fmt.Sprintf("%s expires on %s, in %.0f days", what, end.UTC().Format(time.DateOnly), left.Hours()/24), fix)
	default:
		return ok("%s expires on %s", what, end.UTC().Format(time.DateOnly))
	}
}

// maxSkew is the difference of two clocks that is not reported.
const maxSkew = time.Second

// clocks judges the difference of two clocks, which is exact to half of the round trip.
func clocks(what string, skew, roundTrip time.Duration, consequence string) result {
	size := skew.Abs() - roundTrip/2
	if size <= maxSkew {
		return ok("the clock of %s differs from this machine's by %s", what, skew.Round(time.Millisecond))
	}
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	return found(Warning, fmt.Sprintf("the clock of %s is %s %s this machine's; %s", what, skew.Abs().Round(time.Millisecond), direction, consequence),
		"run an NTP client such as chrony on both machines")
}

// space judges the free space of a disk.
func space(free, total int64, where string) result {
	const full, short, divisor = 128 << 20, 1 << 30, 20
	text := fmt.Sprintf("%s of %s are free %s", bytesOf(free), bytesOf(total), where)
	switch {
	case free < full:
		return found(Failure, text+"; when the disk is full, requests get 503", "free or add space now")
	case free < min(short, total/divisor*2):
		return found(Warning, text, "free or add space: when the disk is full, requests get 503")
	default:
		return ok("%s", text)
	}
}
