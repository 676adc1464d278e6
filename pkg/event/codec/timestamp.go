package codec

import (
	"errors"
	"strings"
	"time"
)

// What can be wrong with a timestamp. Each text follows the field's name.
var (
	errTimeForm = errors.New("must be an ISO 8601 date and time such as 2025-12-19T12:00:00Z")
	errTimeUnix = errors.New("must be an ISO 8601 date and time such as 2025-12-19T12:00:00Z, not a number of seconds or milliseconds")
	errTimeDate = errors.New("must be a real calendar date and time of day")
	errTimeZone = errors.New("must have an offset of Z, ±hh:mm, ±hhmm or ±hh, below 24 hours")
	errTimeName = errors.New("must have an offset such as Z or +01:00 before the name of a time zone")
	errTimeYear = errors.New("must lie in the years 0001 to 9999 (UTC)")
)

// ParseTime reads a timestamp in the forms of ISO 8601 that senders use:
//
//	2025-12-19                        midnight
//	2025-12-19T12:30                  "T", "t" or a space between; seconds optional
//	2025-12-19 12:30:15.123456789     a fraction after "." or ","
//	2025-12-19T12:30:15 +07:00        Z, z, ±hh:mm, ±hhmm or ±hh; a space before it is optional
//	2025-12-19T12:30:15+01:00[Europe/Paris]    suffixes of RFC 9557 are dropped
//
// Without an offset the time is UTC. Digits after microseconds are cut, not
// rounded. The result is in UTC. Second 60 is the first second of the next minute,
// because no database here could return a leap second. 24:00 is invalid.
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
		return time.Time{}, formError(text)
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
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if date.Month() != time.Month(month) || date.Day() != day { // time.Date turns February 30 into March 2
		return time.Time{}, errTimeDate
	}
	t := date.Add(clock.sinceMidnight() - time.Duration(offset)*time.Minute)
	if year := t.Year(); year < 1 || year > 9999 {
		return time.Time{}, errTimeYear
	}
	return t, nil
}

// FormatTime returns t as responses contain it: RFC 3339 in UTC with Z, and as
// many digits of the fraction as needed.
func FormatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// formError returns what is wrong with a text that does not begin with a date.
func formError(text []byte) error {
	s := timeScanner{cursor: cursor{data: text}}
	s.take('-')
	s.takeDigits()
	if s.take('.') {
		s.takeDigits()
	}
	if len(text) > 4 && s.atEnd() {
		return errTimeUnix
	}
	return errTimeForm
}

// clock is a time of day.
type clock struct{ hour, minute, second, micros int }

// sinceMidnight returns the time of day as a duration. Second 60 is the next minute.
func (c clock) sinceMidnight() time.Duration {
	return time.Duration(c.hour)*time.Hour + time.Duration(c.minute)*time.Minute +
		time.Duration(c.second)*time.Second + time.Duration(c.micros)*time.Microsecond
}

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
	if !s.take('T') && !s.take('t') && !s.take(' ') {
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
	if c.hour > 23 || c.minute > 59 || c.second > 60 {
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
	s.take(' ')
	sign := 1
	switch {
	case s.take('Z'), s.take('z'):
		if !s.suffixes() {
			return 0, errTimeForm
		}
		return 0, nil
	case s.take('+'):
	case s.take('-'):
		sign = -1
	case s.peek() == '[':
		return 0, errTimeName
	default:
		return 0, errTimeForm
	}
	hours, minutes := s.number(2), 0
	if !s.atEnd() && s.peek() != '[' {
		s.take(':')
		minutes = s.number(2)
	}
	if s.failed || !s.suffixes() || hours > 23 || minutes > 59 {
		return 0, errTimeZone
	}
	return sign * (hours*60 + minutes), nil
}

// suffixes skips suffixes such as "[Europe/Paris][u-ca=iso8601]" (RFC 9557, section
// 4.1) and reports whether the text ends after them.
func (s *timeScanner) suffixes() bool {
	for s.take('[') {
		s.take('!')
		from := s.at
		for isSuffixByte(s.peek()) {
			s.at++
		}
		if s.at == from || !s.take(']') {
			return false
		}
	}
	return s.atEnd()
}

func isSuffixByte(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c != 0 && strings.IndexByte("/_-+=.:~", c) >= 0
}
