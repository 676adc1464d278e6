package codec_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
)

func TestParseTime_AcceptsISO8601(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, want string }{
		{"RFC 3339", "2025-12-19T12:30:15Z", "2025-12-19T12:30:15Z"},
		{"a space instead of T", "2025-12-19 12:30:15Z", "2025-12-19T12:30:15Z"},
		{"no offset is UTC", "2025-12-19T12:30:15", "2025-12-19T12:30:15Z"},
		{"no seconds", "2025-12-19T12:30", "2025-12-19T12:30:00Z"},
		{"no seconds with an offset", "2025-12-19T12:30+02:00", "2025-12-19T10:30:00Z"},
		{"a date alone is midnight", "2025-12-19", "2025-12-19T00:00:00Z"},
		{"east of UTC", "2025-12-19T12:30:15+07:00", "2025-12-19T05:30:15Z"},
		{"west of UTC, into the next day", "2025-12-31T23:30:15-08:00", "2026-01-01T07:30:15Z"},
		{"an offset without colon", "2025-12-19T12:30:15+0530", "2025-12-19T07:00:15Z"},
		{"an offset in hours", "2025-12-19T12:30:15-05", "2025-12-19T17:30:15Z"},
		{"an offset of minus zero", "2025-12-19T12:30:15-00:00", "2025-12-19T12:30:15Z"},
		{"the largest offset", "2025-12-19T23:59:00+23:59", "2025-12-19T00:00:00Z"},
		{"one digit of a fraction", "2025-12-19T12:30:15.5Z", "2025-12-19T12:30:15.5Z"},
		{"a fraction after a comma", "2025-12-19T12:30:15,25Z", "2025-12-19T12:30:15.25Z"},
		{"six digits of a fraction", "2025-12-19T12:30:15.123456Z", "2025-12-19T12:30:15.123456Z"},
		{"leading zeros of a fraction", "2025-12-19T12:30:15.000001", "2025-12-19T12:30:15.000001Z"},
		{"trailing zeros of a fraction are dropped", "2025-12-19T12:30:15.120000Z", "2025-12-19T12:30:15.12Z"},
		{"further digits are cut, not rounded", "2025-12-19T12:30:15.999999999Z", "2025-12-19T12:30:15.999999Z"},
		{"many more digits", "2025-12-19T12:30:15." + strings.Repeat("9", 400) + "+00:00", "2025-12-19T12:30:15.999999Z"},
		{"before 1970 digits are cut as well", "1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z"},
		{"the last second of a day", "2025-12-19T23:59:59Z", "2025-12-19T23:59:59Z"},
		{"a leap day", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
		{"the leap day of 2000", "2000-02-29", "2000-02-29T00:00:00Z"},
		{"the first moment", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"the first moment, with an offset to the east", "0001-01-01T07:00:00+07:00", "0001-01-01T00:00:00Z"},
		{"the last moment", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
		{"a small t and a small z", "2025-12-19t12:30:15z", "2025-12-19T12:30:15Z"},
		{"a space before the offset", "2025-12-19 12:30:15 +07:00", "2025-12-19T05:30:15Z"},
		{"a space before Z", "2025-12-19T12:30:15 Z", "2025-12-19T12:30:15Z"},
		{"a leap second is the next minute", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
		{"a fraction of a leap second", "2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.5Z"},
		{"second 60 of any minute", "2025-12-19T12:30:60+01:00", "2025-12-19T11:31:00Z"},
		{"the name of a zone after an offset", "2025-12-19T12:30:15+01:00[Europe/Paris]", "2025-12-19T11:30:15Z"},
		{"the name of a zone after Z", "2025-12-19T12:30:15Z[Etc/UTC]", "2025-12-19T12:30:15Z"},
		{"several suffixes", "2025-12-19T12:30:15+01[!Europe/Paris][u-ca=iso8601]", "2025-12-19T11:30:15Z"},
		{"an offset as a suffix", "2025-12-19T12:30:15+0100[+01:00]", "2025-12-19T11:30:15Z"},
		{"the last moment, with an offset to the west", "9999-12-31T22:59:59-01:00", "9999-12-31T23:59:59Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := codec.ParseTime(test.text)
			if err != nil || codec.FormatTime(got) != test.want {
				t.Errorf("%s: got %s, %v, want %s", test.text, codec.FormatTime(got), err, test.want)
			}
			if got.Location() != time.UTC {
				t.Errorf("%s: got the location %v, want UTC", test.text, got.Location())
			}
		})
	}
}

func TestParseTime_RejectsOtherForms(t *testing.T) {
	t.Parallel()
	const form, date, zone, year, unix, name = "ISO 8601", "real calendar date", "offset", "years 0001 to 9999", "not a number of seconds", "before the name of a time zone"
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", form},
		{"a word", "yesterday", form},
		{"a number of seconds", "1766145600", unix},
		{"a number of milliseconds", "1766145600000", unix},
		{"seconds with a fraction", "1766145600.25", unix},
		{"seconds before 1970", "-86400", unix},
		{"a year and a month", "2025-12", form},
		{"a date without hyphens", "20251219T123015Z", form},
		{"slashes", "2025/12/19", form},
		{"the day first", "19-12-2025", form},
		{"a week date", "2025-W51-5", form},
		{"one-digit fields", "2025-1-9T1:2:3Z", form},
		{"a one-digit hour", "2025-12-19T1:30:15Z", form},
		{"hours alone", "2025-12-19T12", form},
		{"a date with an offset but no time", "2025-12-19Z", form},
		{"two spaces", "2025-12-19  12:30:15", form},
		{"a space before it", " 2025-12-19T12:30:15Z", form},
		{"a space after it", "2025-12-19T12:30:15Z ", form},
		{"two spaces before the offset", "2025-12-19T12:30:15  +07:00", form},
		{"a space alone after it", "2025-12-19T12:30:15 ", form},
		{"the name of a zone without an offset", "2025-12-19T12:30:15[Europe/Paris]", name},
		{"an empty suffix", "2025-12-19T12:30:15Z[]", form},
		{"a suffix without its end", "2025-12-19T12:30:15+01:00[Europe/Paris", zone},
		{"text after a suffix", "2025-12-19T12:30:15Z[UTC]x", form},
		{"second 61", "2025-12-19T12:30:61Z", date},
		{"second 60 of the last minute", "9999-12-31T23:59:60Z", year},
		{"a point without digits", "2025-12-19T12:30:15.Z", form},
		{"a fraction of a minute", "2025-12-19T12:30.5Z", form},
		{"the name of a zone", "2025-12-19T12:30:15 UTC", form},
		{"an HTTP date", "Fri, 19 Dec 2025 12:30:15 GMT", form},
		{"Arabic digits", "٢٠٢٥-12-19", form},
		{"a minus before the year", "-2025-12-19", form},
		{"a year of five digits", "12025-12-19", form},
		{"month 13", "2025-13-01", date},
		{"month 0", "2025-00-01", date},
		{"day 0", "2025-12-00", date},
		{"30 February", "2024-02-30T00:00:00Z", date},
		{"29 February of a common year", "2025-02-29", date},
		{"29 February of 1900", "1900-02-29", date},
		{"31 April", "2025-04-31", date},
		{"hour 24", "2025-12-19T24:00:00Z", date},
		{"minute 60", "2025-12-19T12:60:00Z", date},
		{"an offset of a day", "2025-12-19T12:30:15+24:00", zone},
		{"an offset with 60 minutes", "2025-12-19T12:30:15+01:60", zone},
		{"half an offset", "2025-12-19T12:30:15+1", zone},
		{"an offset with a colon and no minutes", "2025-12-19T12:30:15+01:", zone},
		{"an offset with seconds", "2025-12-19T12:30:15+01:00:00", zone},
		{"text after the offset", "2025-12-19T12:30:15+01:00Z", zone},
		{"the year 0", "0000-12-31T23:59:59Z", year},
		{"before the first year in UTC", "0001-01-01T00:00:00+00:01", year},
		{"after the last year in UTC", "9999-12-31T23:59:59-00:01", year},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := codec.ParseTime(test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) || !got.IsZero() {
				t.Errorf("%s: got %v, %v, want an error about %q", test.text, got, err, test.want)
			}
		})
	}
}

func TestFormatTime_IsReadBackEqual(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := eventtest.Times().Draw(t, "time")
		zone := time.FixedZone("", 60*rapid.IntRange(-1439, 1439).Draw(t, "minutes east"))
		for _, text := range []string{
			codec.FormatTime(want), codec.FormatTime(want.In(zone)), strings.Replace(codec.FormatTime(want), "T", " ", 1),
		} {
			if got, err := codec.ParseTime(text); err != nil || got != want {
				t.Fatalf("%s: got %v, %v, want %v", text, got, err, want)
			}
		}
		// Another offset gives the same moment, if the year has four digits there.
		if local := want.In(zone); local.Year() >= 1 && local.Year() <= 9999 {
			text := local.Format("2006-01-02T15:04:05.999999-0700")
			if got, err := codec.ParseTime(text); err != nil || got != want {
				t.Fatalf("%s: got %v, %v, want %v", text, got, err, want)
			}
		}
	})
}

// FuzzParseTime compares with package time. If package time accepts a text as
// RFC 3339, ParseTime returns the same moment, if it lies in the accepted years.
// Package time also accepts other forms, for example an hour of one digit or an
// offset of a day. A regular expression excludes them.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{
		"2025-12-19T12:30:15.123456789+07:00", "2025-12-19 12:30", "2025-12-19", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-00:01",
		"2025-12-19T12:30:15,5-0530", "2024-02-30", "2025-12-19T24:00:00Z", "", "2025-12-19T12:30:15+24:00",
		"0001-01-01T00:00:60Z", "9999-12-31T23:59:60.5Z",
	} {
		f.Add(seed)
	}
	rfc3339 := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := codec.ParseTime(text)
		if err == nil {
			if got.Nanosecond()%1000 != 0 || got.Location() != time.UTC || got.Year() < 1 || got.Year() > 9999 {
				t.Errorf("%q is read as %v, which is not a whole microsecond of the years 1 to 9999 in UTC", text, got)
			}
			if again, err := codec.ParseTime(codec.FormatTime(got)); err != nil || again != got {
				t.Errorf("%q is read as %v, written as %s and read again as %v (%v)", text, got, codec.FormatTime(got), again, err)
			}
		}
		// Package time has no second 60: it is the second after 59.
		plain, leap := text, time.Duration(0)
		if len(text) > 19 && text[17:19] == "60" {
			plain, leap = text[:17]+"59"+text[19:], time.Second
		}
		std, errStd := time.Parse(time.RFC3339, plain)
		std = std.Add(leap)
		if !rfc3339.MatchString(text) {
			return
		}
		if errStd != nil {
			if err == nil {
				t.Errorf("%q is read as %v, but package time rejects it: %v", text, got, errStd)
			}
			return
		}
		std = std.UTC().Truncate(time.Microsecond)
		inYears := std.Year() >= 1 && std.Year() <= 9999 && !strings.HasPrefix(text, "0000")
		if (err == nil) != inYears || inYears && !got.Equal(std) {
			t.Errorf("%q is read as %v (%v), but by package time as %v", text, got, err, std)
		}
	})
}
