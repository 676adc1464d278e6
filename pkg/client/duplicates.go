package client

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

// duplicatesPage is the maximum number of reports in one response.
const duplicatesPage = 1000

// Duplicates returns the selected reports, the one with the latest duplicate first, see
// [store.DuplicateReader]. It requests as many pages as the query needs.
func (c *Client) Duplicates(ctx context.Context, query store.DuplicateQuery) ([]store.DuplicateReport, error) {
	values := url.Values{"limit": {strconv.Itoa(duplicatesPage)}}
	if query.Topic != "" {
		values.Set("topic", query.Topic)
	}
	if query.Conflicts {
		values.Set("conflict", "true")
	}
	if after := query.After; after.Topic != "" {
		values.Set("cursor", api.DuplicateCursor{LastSeen: after.LastSeen, Topic: after.Topic, EventID: after.ID}.String())
	}
	var reports []store.DuplicateReport
	for {
		if query.Limit > 0 {
			values.Set("limit", strconv.Itoa(min(query.Limit-len(reports), duplicatesPage)))
		}
		var got []api.Duplicate
		header, err := c.get(ctx, api.PathDuplicates, "", values, &got)
		if err != nil {
			return nil, fmt.Errorf("read duplicates: %w", err)
		}
		for _, row := range got {
			reports = append(reports, row.Report())
		}
		next := linkedCursor(header["Link"], "next")
		if next == "" || len(got) == 0 || query.Limit > 0 && len(reports) >= query.Limit {
			return reports, nil
		}
		values.Set("cursor", next)
	}
}
