package fair

// Shares counts how much of a limited resource each client holds. The rule:
//
//   - If no other client holds any, a client may hold three quarters of the limit.
//   - Otherwise a client may hold at most as much as is free afterwards.
//
// So a part is always free for the next client. Clients that take as much as they can get
// equal shares: two of them have a third each, and a third is free. Network switches
// divide their buffers in the same way (dynamic thresholds; Choudhury and Hahne, 1998).
// With a fixed quarter for each client, four clients could use up everything.
//
// Make one with [NewShares]. It is not safe for concurrent use.
type Shares struct {
	limit, used int64
	held        map[string]int64 // without zeros
}

// NewShares returns shares of a limit. No client holds anything.
func NewShares(limit int64) *Shares { return &Shares{limit: limit, held: map[string]int64{}} }

// Used returns what all clients hold.
func (s *Shares) Used() int64 { return s.used }

// Held returns what a client holds.
func (s *Shares) Held(client string) int64 { return s.held[client] }

// Fits reports whether a client may take n more.
func (s *Shares) Fits(client string, n int64) bool { return s.FitsWithin(client, n, s.limit) }

// FitsWithin is Fits with a lower limit, for requests that must leave a part free.
func (s *Shares) FitsWithin(client string, n, limit int64) bool {
	const aloneParts, parts = 3, 4
	held := s.held[client]
	if s.used == held {
		return held+n <= max(1, limit*aloneParts/parts)
	}
	return held+n <= limit-s.used-n
}

// Take adds n to what a client holds, even if it does not fit. A negative n returns it.
func (s *Shares) Take(client string, n int64) {
	s.used += n
	if held := s.held[client] + n; held == 0 {
		delete(s.held, client)
	} else {
		s.held[client] = held
	}
}
