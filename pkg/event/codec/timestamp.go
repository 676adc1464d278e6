package codec

import (
	"errors"
	"time"
)

// What can be wrong with a timestamp. Each text follows the field's name.
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
// Without an offset the time is UTC. Digits after microseconds are cut, not
// rounded. The result is in UTC. Leap seconds (:60) and 24:00 are invalid
// because no database here could return them.
//
// time.Parse is not suitable: it accepts one layout at a time, and it accepts
// texts outside these forms (a fraction that no layout names, a one-digit hour).
func ParseTime(text string) (time.Time, error) { return parseTime([]byte(text)) }

func parseTime(text []byte) (time.Time, error) {
	s := timeScanner{cursor: cursor{data: text}}
	year := s.number(4)
	s.expect('-')
	month := s.number(2)
	s.expect('-')
	day := s.number(2)
	if s.failed {
		return time.Time{}, errTimeForm
	}
	var clock clock
	offset := 0
	if !s.atEnd() {
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
	if year := t.Year(); year < 1 || year > 9999 {
		return time.Time{}, errTimeYear
	}
	return t, nil
}

// FormatTime returns t as responses contain it: RFC 3339 in UTC with Z, and as
// many digits of the fraction as needed.
func FormatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// clock is a time of day.
type clock struct{ hour, minute, second, micros int }

// timeScanner reads fields of fixed width and remembers whether one was missing.
type timeScanner struct {
	cursor
	failed bool
}

// number reads exactly width decimal digits.
func (s *timeScanner) number(width int) int {
	value, ok := s.takeNumber(width)
	s.failed = s.failed || !ok
	return value
}

// expect skips one byte that must be there.
func (s *timeScanner) expect(want byte) { s.failed = !s.take(want) || s.failed }

// clock reads "T12:30", "T12:30:15" or "T12:30:15.123456".
func (s *timeScanner) clock() (clock, error) {
	if !s.take('T') && !s.take(' ') {
		return clock{}, errTimeForm
	}
	var c clock
	c.hour = s.number(2)
	s.expect(':')
	c.minute = s.number(2)
	if s.take(':') {
		c.second = s.number(2)
		if s.take('.') || s.take(',') {
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

// fraction reads at least one digit and returns the first six as microseconds.
func (s *timeScanner) fraction() int {
	from, micros := s.at, 0
	s.failed = !s.takeDigits() || s.failed
	digits := s.data[from:s.at]
	for i := range 6 {
		micros *= 10
		if i < len(digits) {
			micros += int(digits[i] - '0')
		}
	}
	return micros
}

// offset reads what follows the time of day, in minutes east of UTC.
func (s *timeScanner) offset() (int, error) {
	if s.atEnd() {
		return 0, nil
	}
	sign := 1
	switch {
	case s.take('Z'):
		if !s.atEnd() {
			return 0, errTimeForm
		}
		return 0, nil
	case s.take('+'):
	case s.take('-'):
		sign = -1
	default:
		return 0, errTimeForm
	}
	hours, minutes := s.number(2), 0
	if !s.atEnd() {
		s.take(':')
		minutes = s.number(2)
	}
	if s.failed || !s.atEnd() || hours > 23 || minutes > 59 {
		return 0, errTimeZone
	}
	return sign * (hours*60 + minutes), nil
}
