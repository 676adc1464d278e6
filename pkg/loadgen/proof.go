package loadgen

import (
	"fmt"
	"io"

	"github.com/dustin/go-humanize"
)

// MaxOffenders is how many offending keys a [Proof] names.
const MaxOffenders = 20

// What can be wrong with a key, worded to follow it.
const (
	ProblemTwice     = "was answered success more than once"
	ProblemMissing   = "was answered, but is not stored"
	ProblemContent   = "is stored with other content than was sent"
	ProblemBefore    = "was answered success, but was stored before this run"
	ProblemNoSuccess = "was only answered ignored, but was not stored before this run"
)

// Offender is a key that breaks the promise.
type Offender struct {
	Topic   string `json:"topic"`
	EventID string `json:"event_id"`
	// Problem is a sentence part that follows the key.
	Problem string `json:"problem"`

	index int64
}

// Proof is what [Verify] found.
type Proof struct {
	// Holds says that the answers are true; where there are none, it is false.
	Holds bool `json:"holds"`
	// Keys counts the different keys that were answered success, ignored or
	// queued; each was asked back.
	Keys int64 `json:"keys"`
	// Stored, Ignored and Queued are the answers of the run.
	Stored    int64 `json:"success"`
	Duplicate int64 `json:"ignored"`
	Queued    int64 `json:"queued,omitempty"`
	// StoredBefore counts the keys that were never answered success since they
	// were stored before the run; of these, OtherContent hold other content
	// than was sent now, as the first one committed stays.
	StoredBefore int64 `json:"stored_before"`
	OtherContent int64 `json:"other_content"`
	// LostResponses counts the keys that were never answered success since an
	// append stored them and its answer got lost; it was sent again.
	LostResponses int64 `json:"lost_answers"`
	// StoredQueued counts the keys that were never answered success since they
	// were answered queued, and that are stored now.
	StoredQueued int64 `json:"stored_queued,omitempty"`
	// Violations counts what is wrong; the first of them are the Offenders.
	Violations int64      `json:"violations"`
	Offenders  []Offender `json:"offenders,omitempty"`
}

// Repeats is how many of the answers were for a key that had one already.
func (p Proof) Repeats() int64 { return p.Stored + p.Duplicate + p.Queued - p.Keys }

// Empty reports whether nothing was answered, so that there was nothing to prove.
func (p Proof) Empty() bool { return p.Keys == 0 && p.Stored+p.Duplicate == 0 }

func (p *Proof) offend(o Offender) {
	p.Violations++
	// Keys are judged in order, so the first ones of every worker have among
	// them the first ones of all.
	if len(p.Offenders) < MaxOffenders {
		p.Offenders = append(p.Offenders, o)
	}
}

func (p *Proof) add(part Proof) {
	p.Keys += part.Keys
	p.StoredBefore += part.StoredBefore
	p.OtherContent += part.OtherContent
	p.LostResponses += part.LostResponses
	p.StoredQueued += part.StoredQueued
	p.Violations += part.Violations
	p.Offenders = append(p.Offenders, part.Offenders...)
}

// WriteText writes the proof for people.
func (p Proof) WriteText(out io.Writer) error {
	t := &text{}
	if p.Empty() {
		t.line("verify: no event was answered, so nothing is proven")
		return t.writeTo(out)
	}
	if p.Holds {
		t.line("verify: proven")
	} else {
		t.line("verify: THE ANSWERS DO NOT HOLD")
	}
	count := humanize.Comma
	if p.Violations == 0 {
		t.line("  %s keys were answered, none of them success more than once", count(p.Keys))
		t.line("  %s keys were asked back, all are stored as the event that came first", count(p.Keys-p.OtherContent))
	} else {
		t.line("  %s keys were answered and asked back, %s violations", count(p.Keys), count(p.Violations))
	}
	if p.StoredBefore > 0 {
		t.line("  %s keys were stored before this run and answered ignored", count(p.StoredBefore))
	}
	if p.OtherContent > 0 {
		t.line("  %s of those hold what was sent first, which is not what was sent now", count(p.OtherContent))
	}
	if p.LostResponses > 0 {
		t.line("  %s keys were stored by requests whose answer got lost; sent again, they were ignored", count(p.LostResponses))
	}
	if p.StoredQueued > 0 {
		t.line("  %s keys were answered queued, and have been stored since", count(p.StoredQueued))
	}
	sign := "="
	if fresh := p.Keys - p.StoredBefore - p.LostResponses - p.StoredQueued; fresh != p.Stored {
		sign = "≠"
	}
	t.line("  success: %s %s %s", count(p.Stored), sign, p.sum())
	if p.Queued > 0 {
		t.line("  ignored and queued: %s + %s, of which %s repeats", count(p.Duplicate), count(p.Queued), count(p.Repeats()))
	} else {
		t.line("  ignored: %s %s", count(p.Duplicate), p.ignoredSum())
	}
	for _, o := range p.Offenders {
		t.line("  topic %q event_id %q %s", o.Topic, o.EventID, o.Problem)
	}
	if more := p.Violations - int64(len(p.Offenders)); more > 0 {
		t.line("  and %s more", count(more))
	}
	return t.writeTo(out)
}

// sum is what success must be.
func (p Proof) sum() string {
	sum := humanize.Comma(p.Keys) + " keys"
	if p.StoredBefore > 0 {
		sum += " − " + humanize.Comma(p.StoredBefore) + " stored before"
	}
	if p.LostResponses > 0 {
		sum += " − " + humanize.Comma(p.LostResponses) + " lost answers"
	}
	if p.StoredQueued > 0 {
		sum += " − " + humanize.Comma(p.StoredQueued) + " stored from the queue"
	}
	return sum
}

// ignoredSum is what ignored consists of.
func (p Proof) ignoredSum() string {
	repeats := humanize.Comma(p.Repeats()) + " repeats"
	switch firsts := p.Duplicate - p.Repeats(); {
	case firsts > 0:
		return fmt.Sprintf("= %s + %s firsts of keys that were there", repeats, humanize.Comma(firsts))
	case firsts < 0:
		return "≠ " + repeats
	default:
		return "= " + repeats
	}
}
