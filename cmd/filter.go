package cmd

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/store"
)

// filterFlags are the flags of tail and export that choose events.
type filterFlags struct{ topic, source, since, until string }

func (f *filterFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.topic, "topic", "", "only events with this topic")
	flags.StringVar(&f.source, "source", "", "only events with this source")
	flags.StringVar(&f.since, "since", "", "only events stored at or after this `time`, such as 2025-12-19T12:00:00Z, or 15m for 15 minutes ago")
	flags.StringVar(&f.until, "until", "", "only events stored before this `time`")
}

// filter returns the filter, and what is wrong with the flags.
func (f filterFlags) filter(now time.Time) (filter store.Filter, problems []error) {
	filter.Topic, filter.Source = f.topic, f.source
	for _, bound := range []struct {
		flag, text string
		to         *time.Time
	}{{"--since", f.since, &filter.Since}, {"--until", f.until, &filter.Until}} {
		if bound.text == "" {
			continue
		}
		t, err := parseTime(bound.text, now)
		if err != nil {
			problems = append(problems, fmt.Errorf("invalid %s %w", bound.flag, err))
			continue
		}
		*bound.to = t
	}
	return filter, problems
}

// parseTime parses a time, or a duration before now.
func parseTime(text string, now time.Time) (time.Time, error) {
	ago, err := time.ParseDuration(text)
	if days, found := strings.CutSuffix(text, "d"); found && err != nil {
		const hoursADay, tenYears = 24, 3660
		if n, dayErr := strconv.ParseUint(days, 10, 16); dayErr == nil && n <= tenYears {
			ago, err = time.Duration(n)*hoursADay*time.Hour, nil
		}
	}
	if err == nil && ago >= 0 {
		return now.Add(-ago).UTC().Truncate(time.Microsecond), nil
	}
	t, err := codec.ParseTime(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q: expected a time such as 2025-12-19T12:00:00Z, or a duration before now such as 15m", text)
	}
	return t, nil
}
