package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Names of what is checked.
const (
	database = "database"
	queued   = "queue"
	instance = "instance"
)

// rule is one check.
type rule struct {
	check string
	// part is the part of the facts that the rule needs, as in postgres.Facts.Unknown;
	// empty if it always can be judged.
	part string
	// weakens is set if the rule is about losing events.
	weakens bool
	judge   func(Facts) result
}

// result is what a rule returns.
type result struct {
	level        Level
	message, fix string
}

func ok(format string, args ...any) result {
	return result{level: OK, message: fmt.Sprintf(format, args...)}
}

// found returns a result with a fix. Without arguments the message is used as it is.
func found(level Level, message, fix string) result {
	return result{level: level, message: message, fix: fix}
}

// Judge applies all rules to the facts.
func Judge(f Facts) Report {
	var r Report
	switch {
	case f.DatabaseError != nil:
		r.add(database, unreachable(f.DatabaseError.Error()), nil, f)
	case f.Postgres != nil:
		r.add(database, postgresRules(), f.Postgres.Unknown, f)
	case f.SQLite != nil:
		r.add(database, sqliteRules(), nil, f)
	}
	switch {
	case f.QueueError != nil:
		r.add(queued, unreachable(f.QueueError.Error()), nil, f)
	case f.Queue != nil:
		r.add(queued, queueRules(), nil, f)
	}
	r.add(instance, instanceRules(), nil, f)
	order := []Level{Failure, Warning, Unknown, Note, OK}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Compare(slices.Index(order, a.Level), slices.Index(order, b.Level))
	})
	r.Guarantee = guaranteeOf(f)
	r.Holds = r.conclusion()
	return r
}

// add applies rules. The map has the reasons why parts of the facts are missing.
func (r *Report) add(dependency string, rules []rule, unknown map[string]string, f Facts) {
	for _, rule := range rules {
		reason, missing := unknown[rule.part]
		var got result
		if missing {
			got = found(Unknown, "could not be checked: "+reason, "grant the role of database.url the role pg_monitor, or run doctor as another role")
		} else {
			got = rule.judge(f)
		}
		r.Findings = append(r.Findings, Finding{
			Dependency: dependency, Check: rule.check, Level: got.level, Message: got.message, Fix: got.fix, Weakens: rule.weakens,
		})
	}
}

// unreachable returns the one rule of a dependency without facts.
func unreachable(reason string) []rule {
	if _, cause, wrapped := strings.Cut(reason, "store unavailable: "); wrapped {
		reason = cause // what failed is clear
	}
	return []rule{{check: "reachable", judge: func(Facts) result {
		return found(Unknown, reason, "start it or correct its URL, then run doctor again")
	}}}
}
