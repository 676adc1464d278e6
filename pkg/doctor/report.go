package doctor

// Level is the result of a check.
type Level string

// The levels, the worst first.
const (
	// Failure means that the promised guarantee does not hold, or that no event can be
	// stored.
	Failure Level = "failure"
	// Warning is a risk that an operator should remove.
	Warning Level = "warning"
	// Unknown means that the check could not be made.
	Unknown Level = "unknown"
	// Note is information without a risk for the promised guarantee.
	Note Level = "note"
	// OK means that the check found no problem.
	OK Level = "ok"
)

// Finding is the result of one check.
type Finding struct {
	// Dependency is what was checked: "database", "queue" or "instance".
	Dependency string `json:"dependency"`
	// Check is the name of the check, which is constant.
	Check string `json:"check"`
	// Level is how serious the finding is.
	Level Level `json:"level"`
	// Message is what was found, in words.
	Message string `json:"message"`
	// Fix is what to do about it; empty if there is nothing to do.
	Fix string `json:"fix,omitempty"`
	// Weakens is set if the check is about losing events, and serve warns about it.
	Weakens bool `json:"weakens_guarantee"`
}

// State is whether a part of the guarantee holds.
type State string

// The values of [State].
const (
	// Yes means that it holds, by all facts that doctor can read.
	Yes State = "yes"
	// No means that a fact contradicts it.
	No State = "no"
	// Maybe means that the facts are not sufficient, for example without a right.
	Maybe State = "unknown"
)

// Verdict is whether a part of the guarantee holds, and why.
type Verdict struct {
	// Holds is whether it holds.
	Holds State `json:"holds"`
	// Reason is empty if Holds is yes and there is nothing to add.
	Reason string `json:"reason,omitempty"`
	// Promised is set for a part that eventagg promises with this configuration.
	Promised bool `json:"promised"`
}

// Guarantee is what the installation guarantees for acknowledged events.
type Guarantee struct {
	// Survives says after which failures an event with the response success is still
	// stored.
	Survives Survives `json:"survives"`
	// Exact is whether each event is stored once and counted exactly, with any number of
	// instances.
	Exact Verdict `json:"exact_across_instances"`
	// Queued is whether an event with the response queued (202) is durable. It is nil
	// without a queue.
	Queued *Queued `json:"queued_durable,omitempty"`
}

// Survives has a verdict for each kind of failure.
type Survives struct {
	// ProcessCrash is a crash of eventagg.
	ProcessCrash Verdict `json:"process_crash"`
	// DatabaseCrash is a crash of the database's processes.
	DatabaseCrash Verdict `json:"database_crash"`
	// PowerLoss is a crash of the machine of the database whose disk is intact.
	PowerLoss Verdict `json:"power_loss"`
	// MachineLoss is the loss of that machine with its disk.
	MachineLoss Verdict `json:"machine_loss"`
	// Failover is a failover to a standby.
	Failover Verdict `json:"failover"`
}

// Queued is the verdict about the response queued.
type Queued struct {
	Verdict

	// Machines is the number of machines that hold the event when the response is sent.
	Machines int `json:"machines"`
}

// Report is the result of [Judge].
type Report struct {
	// Holds is no if a promised part of the guarantee does not hold or a check failed,
	// and unknown if a promised part could not be checked.
	Holds State `json:"holds"`
	// Guarantee has the verdict about each part of the guarantee.
	Guarantee Guarantee `json:"guarantee"`
	// Findings has one entry for each check, the worst first.
	Findings []Finding `json:"findings"`
}

// Failures returns the names of the parts that are promised and do not hold, and of the
// checks that failed.
func (r Report) Failures() []string {
	var names []string
	for _, part := range r.Guarantee.parts() {
		if part.Promised && part.Holds == No {
			names = append(names, part.name)
		}
	}
	for _, f := range r.Findings {
		if f.Level == Failure {
			names = append(names, f.Check)
		}
	}
	return names
}

// Weakening returns the findings about losing events that an operator should remove.
func (r Report) Weakening() []Finding {
	var weakening []Finding
	for _, f := range r.Findings {
		if f.Weakens && (f.Level == Failure || f.Level == Warning) {
			weakening = append(weakening, f)
		}
	}
	return weakening
}

// conclusion returns whether the promised guarantee holds.
func (r Report) conclusion() State {
	if len(r.Failures()) > 0 {
		return No
	}
	for _, part := range r.Guarantee.parts() {
		if part.Promised && part.Holds == Maybe {
			return Maybe
		}
	}
	return Yes
}

// namedVerdict is a part of the guarantee with its name.
type namedVerdict struct {
	Verdict

	name string
}

// parts returns all parts of the guarantee.
func (g Guarantee) parts() []namedVerdict {
	s := g.Survives
	parts := []namedVerdict{
		{s.ProcessCrash, "process crash"}, {s.DatabaseCrash, "database crash"}, {s.PowerLoss, "power loss"},
		{s.MachineLoss, "machine loss"}, {s.Failover, "failover"}, {g.Exact, "exact across instances"},
	}
	if g.Queued != nil {
		parts = append(parts, namedVerdict{g.Queued.Verdict, "queued durable"})
	}
	return parts
}
