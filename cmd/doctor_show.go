package cmd

import (
	"fmt"
	"strings"

	"github.com/eventagg/eventagg/pkg/doctor"
	"github.com/eventagg/eventagg/pkg/terminal"
)

// printReport writes a report for people: the guarantee, then the findings with their
// fixes, the worst first.
func (a *app) printReport(r doctorResult) error {
	var text strings.Builder
	fmt.Fprintf(&text, "database  %s\n", terminal.Printable(r.Database))
	if r.Queue != "" {
		fmt.Fprintf(&text, "queue     %s\n", terminal.Printable(r.Queue))
	}
	text.WriteString("\n")
	if err := guaranteeTable(r.Guarantee).Write(&text); err != nil {
		return err
	}
	text.WriteString("\n")
	findings := terminal.Table{Heading: []string{"RESULT", "CHECK", "FINDING"}}
	for _, finding := range r.Findings {
		findings.Add(string(finding.Level), finding.Dependency+": "+finding.Check, terminal.Printable(finding.Message))
		if finding.Fix != "" {
			findings.Add("", "", "fix: "+terminal.Printable(finding.Fix))
		}
	}
	if err := findings.Write(&text); err != nil {
		return err
	}
	fmt.Fprintf(&text, "\n%s\n", map[doctor.State]string{
		doctor.Yes: "The promised guarantee holds.", doctor.No: "The promised guarantee does not hold.",
		doctor.Maybe: "Whether the promised guarantee holds is not known.",
	}[r.Holds])
	_, err := fmt.Fprint(a.out, text.String())
	return err
}

// guaranteeTable has a row for each part of the guarantee. An asterisk marks the parts
// that are promised.
func guaranteeTable(g doctor.Guarantee) *terminal.Table {
	t := &terminal.Table{Heading: []string{"GUARANTEE (* PROMISED)", "HOLDS", "BECAUSE"}}
	row := func(name string, v doctor.Verdict) {
		if v.Promised {
			name += " *"
		}
		t.Add(name, string(v.Holds), terminal.Printable(v.Reason))
	}
	row("success survives a crash of eventagg", g.Survives.ProcessCrash)
	row("success survives a crash of the database", g.Survives.DatabaseCrash)
	row("success survives power loss", g.Survives.PowerLoss)
	row("success survives the loss of the machine", g.Survives.MachineLoss)
	row("success survives a failover", g.Survives.Failover)
	row("exactly once across instances", g.Exact)
	switch q := g.Queued; {
	case q == nil:
		t.Add("queued (202) is durable", "-", "there is no queue, and so no response queued")
	case q.Machines == 1:
		row("queued (202) is durable, on 1 machine", q.Verdict)
	case q.Machines > 1:
		row(fmt.Sprintf("queued (202) is durable, on %d machines", q.Machines), q.Verdict)
	default:
		row("queued (202) is durable", q.Verdict)
	}
	return t
}
