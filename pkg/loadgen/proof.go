package loadgen

import (
	"fmt"
	"io"

	"github.com/dustin/go-humanize"
)

// MaxOffenders is the maximum number of keys that a [Proof] lists.
const MaxOffenders = 20

// Violations, as text that follows the key.
const (
	ProblemTwice     = "returned success more than once"
	ProblemMissing   = "returned success, ignored or queued but is not stored"
	ProblemContent   = "is stored with different content than was sent"
	ProblemBefore    = "returned success but was stored before this run"
	ProblemNoSuccess = "returned only ignored but was not stored before this run"
)

// Offender is a key with a violation.
type Offender struct {
	Topic   string `json:"topic"`
	EventID string `json:"event_id"`
	// Problem is text that follows the key.
	Problem string `json:"problem"`

	index int64
}

// Proof is the result of [Verify].
type Proof struct {
	// Holds reports that all responses were true. It is false without responses.
	Holds bool `json:"holds"`
	// Keys counts the different keys that returned success, ignored or queued.
	// Verify read each of them back.
	Keys int64 `json:"keys"`
	// Stored, Duplicate and Queued are the outcomes of the run.
	Stored    int64 `json:"success"`
	Duplicate int64 `json:"ignored"`
	Queued    int64 `json:"queued,omitempty"`
	// StoredBefore counts the keys that never returned success because they were
	// stored before the run. OtherContent counts those of them with different
	// content, because the first content stays.
	StoredBefore int64 `json:"stored_before"`
	OtherContent int64 `json:"other_content"`
	// LostResponses counts the keys that never returned success because the
	// response of the append that stored them was lost. The retry returned
	// ignored.
	LostResponses int64 `json:"lost_responses"`
	// StoredQueued counts the keys that never returned success because they
	// returned queued. They are stored now.
	StoredQueued int64 `json:"stored_queued,omitempty"`
	// Violations counts the violations. Offenders are the first of them.
	Violations int64      `json:"violations"`
	Offenders  []Offender `json:"offenders,omitempty"`
}

// Repeats returns the number of outcomes for keys that had one before.
func (p Proof) Repeats() int64 { return p.Stored + p.Duplicate + p.Queued - p.Keys }

// Empty reports that no event had an outcome, so there is nothing to verify.
func (p Proof) Empty() bool { return p.Keys == 0 && p.Stored+p.Duplicate == 0 }

func (p *Proof) offend(o Offender) {
	p.Violations++
	// Each worker checks its keys in order, so the first ones of all workers
	// contain the first ones of the run.
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

// WriteText writes the proof as text.
func (p Proof) WriteText(out io.Writer) error {
	t := &text{}
	if p.Empty() {
		t.line("verify: no event was accepted, so nothing is proven")
		return t.writeTo(out)
	}
	if p.Holds {
		t.line("verify: proven")
	} else {
		t.line("verify: FAILED")
	}
	count := humanize.Comma
	if p.Violations == 0 {
		t.line("  %s keys got a response, none returned success more than once", count(p.Keys))
		t.line("  %s keys were read back, all are stored as first sent", count(p.Keys-p.OtherContent))
	} else {
		t.line("  %s keys were read back, %s violations", count(p.Keys), count(p.Violations))
	}
	if p.StoredBefore > 0 {
		t.line("  %s keys were stored before this run and returned ignored", count(p.StoredBefore))
	}
	if p.OtherContent > 0 {
		t.line("  %s of these have different content, because the first content stays", count(p.OtherContent))
	}
	if p.LostResponses > 0 {
		t.line("  %s keys were stored by requests whose response was lost; the retry returned ignored", count(p.LostResponses))
	}
	if p.StoredQueued > 0 {
		t.line("  %s keys returned queued and have been stored since", count(p.StoredQueued))
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

// sum returns the number that success must have.
func (p Proof) sum() string {
	sum := humanize.Comma(p.Keys) + " keys"
	if p.StoredBefore > 0 {
		sum += " − " + humanize.Comma(p.StoredBefore) + " stored before"
	}
	if p.LostResponses > 0 {
		sum += " − " + humanize.Comma(p.LostResponses) + " lost responses"
	}
	if p.StoredQueued > 0 {
		sum += " − " + humanize.Comma(p.StoredQueued) + " stored from the queue"
	}
	return sum
}

// ignoredSum returns the parts of ignored.
func (p Proof) ignoredSum() string {
	repeats := humanize.Comma(p.Repeats()) + " repeats"
	switch firsts := p.Duplicate - p.Repeats(); {
	case firsts > 0:
		return fmt.Sprintf("= %s + %s for keys that were stored before", repeats, humanize.Comma(firsts))
	case firsts < 0:
		return "≠ " + repeats
	default:
		return "= " + repeats
	}
}
