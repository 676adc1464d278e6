package event

import (
	"errors"
	"time"
)

// Faults of a timestamp, worded to follow the field's name.
var (
	errTimeForm = errors.New("must be an ISO 8601 date and time such as 2025-12-19T12:00:00Z")
	errTimeDate = errors.New("must be a real calendar date and time of day")
	errTimeZone = errors.New("must have an offset of Z, ±hh:mm, ±hhmm or ±hh, below 24 hours")
	errTimeYear = errors.New("must lie in the years 0001 to 9999 (UTC)")
)

// ParseTime reads a timestamp in the forms of ISO 8601 that senders use:
//
//	2025-12-19                        midnight
//	2025-12-19T12:30                  "T" or a space between; seconds optional
//	2025-12-19 12:30:15.123456789     a fraction after "." or ","
//	2025-12-19T12:30:15+07:00         Z, ±hh:mm, ±hhmm or ±hh
//
// Without an offset the time is UTC. Digits beyond microseconds are cut, not
// rounded. The answer is in UTC. Leap seconds (:60) and 24:00 are not accepted,
// as no database here could give them back.
//
// time.Parse is not used: it takes one layout at a time, and lets through what
// is none of these (a fraction that no layout names, a one-digit hour).
func ParseTime(text string) (time.Time, error) {
	s := scanner{rest: text}
	year, month, day := s.number(4), s.then('-').number(2), s.then('-').number(2)
	if s.failed {
		return time.Time{}, errTimeForm
	}
	var clock clock
	offset := 0
	if s.rest != "" {
		var err error
		if clock, err = s.clock(); err != nil {
			return time.Time{}, err
		}
		if offset, err = s.offset(); err != nil {
			return time.Time{}, err
		}
	}
	if year == 0 {
		return time.Time{}, errTimeYear
	}
	t := time.Date(year, time.Month(month), day, clock.hour, clock.minute, clock.second, clock.micros*1000, time.UTC)
	if t.Month() != time.Month(month) || t.Day() != day { // time.Date turns February 30 into March 2
		return time.Time{}, errTimeDate
	}
	t = t.Add(-time.Duration(offset) * time.Minute)
	if !inRange(t) {
		return time.Time{}, errTimeYear
	}
	return t, nil
}

// FormatTime writes t as answers do: RFC 3339 in UTC with Z and as many digits
// of the fraction as are needed.
func FormatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func inRange(t time.Time) bool {
	year := t.UTC().Year()
	return 1 <= year && year <= 9999
}

// clock is a time of day.
type clock struct{ hour, minute, second, micros int }

// scanner reads fixed-width fields from the front of a text and remembers
// whether one was missing.
type scanner struct {
	rest   string
	failed bool
}

// number reads exactly width decimal digits.
func (s *scanner) number(width int) int {
	if len(s.rest) < width {
		s.failed = true
		return 0
	}
	value := 0
	for i := range width {
		digit := s.rest[i] - '0'
		if digit > 9 {
			s.failed = true
			return 0
		}
		value = value*10 + int(digit)
	}
	s.rest = s.rest[width:]
	return value
}

// then expects one byte.
func (s *scanner) then(want byte) *scanner {
	if !s.next(want) {
		s.failed = true
	}
	return s
}

// next takes one byte if it is there.
func (s *scanner) next(want byte) bool {
	if s.rest == "" || s.rest[0] != want {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// clock reads "T12:30", "T12:30:15" or "T12:30:15.123456".
func (s *scanner) clock() (clock, error) {
	if !s.next('T') && !s.next(' ') {
		return clock{}, errTimeForm
	}
	c := clock{hour: s.number(2), minute: s.then(':').number(2)}
	if s.next(':') {
		c.second = s.number(2)
		if s.next('.') || s.next(',') {
			c.micros = s.fraction()
		}
	}
	if s.failed {
		return clock{}, errTimeForm
	}
	if c.hour > 23 || c.minute > 59 || c.second > 59 {
		return clock{}, errTimeDate
	}
	return c, nil
}

// fraction reads one digit or more and keeps the first six.
func (s *scanner) fraction() int {
	digits, micros := 0, 0
	for ; digits < len(s.rest) && s.rest[digits]-'0' <= 9; digits++ {
		if digits < 6 {
			micros = micros*10 + int(s.rest[digits]-'0')
		}
	}
	s.rest = s.rest[digits:]
	s.failed = s.failed || digits == 0
	for ; digits < 6; digits++ {
		micros *= 10
	}
	return micros
}

// offset reads what follows the time of day, in minutes east of UTC.
func (s *scanner) offset() (int, error) {
	if s.rest == "" || s.rest == "Z" {
		return 0, nil
	}
	sign := 1
	switch {
	case s.next('+'):
	case s.next('-'):
		sign = -1
	default:
		return 0, errTimeForm
	}
	hours, minutes := s.number(2), 0
	if s.rest != "" {
		s.next(':')
		minutes = s.number(2)
	}
	if s.failed || s.rest != "" || hours > 23 || minutes > 59 {
		return 0, errTimeZone
	}
	return sign * (hours*60 + minutes), nil
}
