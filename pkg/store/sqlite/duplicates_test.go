package sqlite

import (
	"testing"

	"github.com/eventagg/eventagg/pkg/duplicates"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/storetest"
)

func TestDuplicates_HaveLimits(t *testing.T) {
	t.Parallel()
	storetest.CheckReportLimits(t, func(t *testing.T, perTopic, total int) store.Store {
		t.Helper()
		return openNew(t, Options{Duplicates: duplicates.Options{PerTopic: perTopic, Total: total}})
	})
}
