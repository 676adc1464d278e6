package event

// Tally counts events by outcome. The zero Tally is empty and ready to use.
type Tally struct {
	// Stored, Duplicate and Queued count the events that were accepted.
	Stored, Duplicate, Queued int64
	// Invalid counts what failed validation, including a body that is not an
	// event at all.
	Invalid int64
	// Rejected counts valid events that the database or a limit of topics refused.
	Rejected int64
	// Conflict counts those of Duplicate whose content differs from the stored event.
	Conflict int64
}

// Count adds one event with outcome o.
func (t *Tally) Count(o Outcome) {
	switch o {
	case Stored:
		t.Stored++
	case Duplicate:
		t.Duplicate++
	case Conflict, ConflictRejected:
		t.Duplicate++
		t.Conflict++
	case Queued:
		t.Queued++
	case Rejected, TopicRefused:
		t.Rejected++
	}
}

// Add returns the sum of t and other.
func (t Tally) Add(other Tally) Tally {
	return Tally{
		Stored: t.Stored + other.Stored, Duplicate: t.Duplicate + other.Duplicate, Queued: t.Queued + other.Queued,
		Invalid: t.Invalid + other.Invalid, Rejected: t.Rejected + other.Rejected, Conflict: t.Conflict + other.Conflict,
	}
}

// Sub returns t minus other: what was counted since other was copied from t.
func (t Tally) Sub(other Tally) Tally {
	return Tally{
		Stored: t.Stored - other.Stored, Duplicate: t.Duplicate - other.Duplicate, Queued: t.Queued - other.Queued,
		Invalid: t.Invalid - other.Invalid, Rejected: t.Rejected - other.Rejected, Conflict: t.Conflict - other.Conflict,
	}
}

// Accepted returns the number of events that are stored or will be.
func (t Tally) Accepted() int64 { return t.Stored + t.Duplicate + t.Queued }

// Refused returns the number of events that were not accepted, for either reason.
func (t Tally) Refused() int64 { return t.Invalid + t.Rejected }
