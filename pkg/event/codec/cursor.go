package codec

// cursor reads a text from front to back. The decoders of events, batches and
// timestamps are built on it.
type cursor struct {
	data []byte
	at   int
}

// peek returns the next byte, or 0 at the end. No token begins with 0.
func (c *cursor) peek() byte {
	if c.at < len(c.data) {
		return c.data[c.at]
	}
	return 0
}

// take skips the next byte if it is want.
func (c *cursor) take(want byte) bool {
	if c.peek() != want {
		return false
	}
	c.at++
	return true
}

// atEnd reports whether the whole text was read.
func (c *cursor) atEnd() bool { return c.at >= len(c.data) }

// skipSpace skips the white space of JSON.
func (c *cursor) skipSpace() {
	for isSpace(c.peek()) {
		c.at++
	}
}

// takeColon skips a colon with white space around it.
func (c *cursor) takeColon() bool {
	c.skipSpace()
	if !c.take(':') {
		return false
	}
	c.skipSpace()
	return true
}

// takeWord skips a word such as true.
func (c *cursor) takeWord(word string) bool {
	end := c.at + len(word)
	if end > len(c.data) || string(c.data[c.at:end]) != word {
		return false
	}
	c.at = end
	return true
}

// takeDigits skips decimal digits and reports whether there was at least one.
func (c *cursor) takeDigits() bool {
	from := c.at
	for isDigit(c.peek()) {
		c.at++
	}
	return c.at > from
}

// takeNumber reads a number of exactly width decimal digits.
func (c *cursor) takeNumber(width int) (value int, ok bool) {
	if len(c.data)-c.at < width {
		return 0, false
	}
	for _, digit := range c.data[c.at : c.at+width] {
		if !isDigit(digit) {
			return 0, false
		}
		value = value*10 + int(digit-'0')
	}
	c.at += width
	return value, true
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
