package policy

import (
	"strings"
	"testing"
)

func TestPolicies_FirstMatchCounts(t *testing.T) {
	t.Parallel()
	policies, err := Parse([]string{"orders.test=ignore", "orders.*=reject", "a=b=ignore", " logs = ignore ", "*.report=report", "*=reject"})
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]Policy{
		"orders.test": Ignore, "orders.new": Reject, "orders.": Reject, "a=b": Ignore, "logs": Ignore,
		"x.report": Report, "orders.report": Reject, "anything": Reject,
	} {
		if got := policies.Of(topic); got != want {
			t.Errorf("%s: policy %d, want %d", topic, got, want)
		}
		if policies.Ignored(topic) != (want == Ignore) || policies.Rejected(topic) != (want == Reject) {
			t.Errorf("%s: ignored %v, rejected %v", topic, policies.Ignored(topic), policies.Rejected(topic))
		}
	}
	if got := Policies(nil).Of("t"); got != Report {
		t.Errorf("without policies: %d", got)
	}
}

func TestParse_RejectsOtherTexts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "orders", "orders=", "orders=drop", "=ignore", " =reject", strings.Repeat("x", 256) + "=reject", "orders=Reject"} {
		if _, err := Parse([]string{"ok=report", text}); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
