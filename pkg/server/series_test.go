package server

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestSeries_TakesAPointPerRequestWithoutRun(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		fail error
		want int
	}{
		{"one point is taken for the request", nil, 1},
		{"none if the store is unavailable: an empty list", store.ErrUnavailable, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			m := (&memory{}).fill(5)
			m.fail = row.fail
			response := send(serverWith(m), http.MethodGet, "/stats/series", "")
			var got api.Series
			if err := json.Unmarshal(response.Body.Bytes(), &got); err != nil || response.Code != http.StatusOK || got.Points == nil || len(got.Points) != row.want {
				t.Fatalf("got %d %s, %v", response.Code, response.Body, err)
			}
			if row.want > 0 && (got.Points[0].Stored != 5 || got.IntervalSeconds != 1 || !got.Points[0].Time.Equal(noon())) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
