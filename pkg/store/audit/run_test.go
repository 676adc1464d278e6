package audit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/store/audit"
)

// counting returns a check of so many rows. Each row divisible by bad is a difference.
func counting(name string, rows, bad int) audit.Check {
	return audit.Check{
		Name:  name,
		Total: func(context.Context) (int64, error) { return int64(rows), nil },
		Next: func(_ context.Context, after string, limit int) (page audit.Page, err error) {
			var at int
			if err := audit.Decode(after, &at); err != nil {
				return page, err
			}
			for ; at < rows && page.Rows < int64(limit); at++ {
				page.Rows++
				if bad > 0 && at%bad == 0 {
					page.Found = append(page.Found, audit.Difference{Kind: audit.CounterDiffers, Detail: fmt.Sprint(at)})
				}
			}
			if at < rows {
				page.Next = audit.Encode(at)
			}
			return page, nil
		},
	}
}

func TestRun_CountsAllAndListsTheFirst(t *testing.T) {
	t.Parallel()
	state := &audit.State{}
	checks := []audit.Check{counting("a", 12_345, 10), counting("b", 10, 1), counting("none", 0, 0)}
	if err := audit.Run(t.Context(), checks, state, audit.Options{}); err != nil {
		t.Fatal(err)
	}
	done, total := state.Rows()
	if done != 12_355 || total != 12_355 || state.Differences() != 1245 || len(state.Listed) != 100 || !state.Done() {
		t.Errorf("%d of %d rows, %d differences, %d listed", done, total, state.Differences(), len(state.Listed))
	}
	if state.Listed[99].Check != "a" || state.Listed[99].Detail != "990" {
		t.Errorf("the last one that is listed is %v", state.Listed[99])
	}
}

func TestRun_KeepsTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		pages := 0
		err := audit.Run(t.Context(), []audit.Check{counting("a", 5000, 0)}, &audit.State{}, audit.Options{Rate: 500, Save: func(*audit.State) error {
			pages++
			return nil
		}})
		if took := time.Since(began); err != nil || took < 9*time.Second || took > 11*time.Second || pages != 100 {
			t.Errorf("5,000 rows at 500 a second took %v in %d pages, %v", took, pages, err)
		}
	})
}

func TestRun_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	state := &audit.State{}
	err := audit.Run(ctx, []audit.Check{counting("a", 50_000, 0)}, state, audit.Options{Save: func(*audit.State) error {
		cancel()
		return nil
	}})
	if done, _ := state.Rows(); !errors.Is(err, context.Canceled) || done != 5000 {
		t.Errorf("%d rows, %v", done, err)
	}
}

func TestRun_RefusesTheStateOfOtherChecks(t *testing.T) {
	t.Parallel()
	for name, checks := range map[string][]audit.Check{
		"fewer":  {counting("a", 1, 0)},
		"others": {counting("a", 1, 0), counting("c", 1, 0)},
	} {
		state := &audit.State{Checks: []audit.Result{{Name: "a"}, {Name: "b"}}}
		if err := audit.Run(t.Context(), checks, state, audit.Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDecode_RefusesOtherTexts(t *testing.T) {
	t.Parallel()
	var at int
	if err := audit.Decode("x", &at); err == nil {
		t.Error("no error")
	}
	if err := audit.Decode("", &at); err != nil || at != 0 {
		t.Errorf("the beginning: %d, %v", at, err)
	}
}
