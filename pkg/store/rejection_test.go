package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/eventagg/eventagg/pkg/store"
)

func TestReportRejection_CallsTheFunctionOfTheContext(t *testing.T) {
	t.Parallel()
	reason := errors.New("too long")
	store.ReportRejection(t.Context(), 1, reason) // without a function
	var got []int
	ctx := store.WithRejections(t.Context(), func(index int, err error) {
		if !errors.Is(err, reason) {
			t.Errorf("reported %v", err)
		}
		got = append(got, index)
	})
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	store.ReportRejection(inner, 2, reason)
	if len(got) != 1 || got[0] != 2 {
		t.Errorf("reported %v", got)
	}
}
