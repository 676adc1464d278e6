package suitetest_test

import (
	"testing"

	"github.com/eventagg/eventagg/pkg/suitetest"
)

func TestRun_SkipsExceptionsAndPassesTheHarness(t *testing.T) {
	t.Parallel()
	var got []string
	record := func(_ *testing.T, harness string) { got = append(got, harness) }
	t.Run("suite", func(t *testing.T) {
		t.Parallel()
		t.Cleanup(func() {
			if len(got) != 1 || got[0] != "the harness" {
				t.Errorf("cases ran with %q, want one run with the harness", got)
			}
		})
		suitetest.Run(t, "the harness", []suitetest.Case[string]{
			{Name: "this case runs", Run: record},
			{Name: "this case is skipped", Run: record},
		}, map[string]string{"this case is skipped": "to test the exception"})
	})
}

func TestEventually_PollsUntilTheConditionHolds(t *testing.T) {
	t.Parallel()
	calls := 0
	suitetest.Eventually(t, "the third call returns true", func() bool { calls++; return calls == 3 })
	if calls != 3 {
		t.Errorf("polled %d times, want 3", calls)
	}
}
