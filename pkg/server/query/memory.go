package query

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/server/memory"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// held is the memory that a response has on the budget. Without a budget, 150 clients
// that requested pages of large events and did not read them took 1.6 GiB.
type held struct {
	budget *memory.Budget
	client string
	bytes  int64
}

// hold takes memory for a response, or returns an error that becomes a 503. The caller
// must release it when the response is written.
func (h *Handler) hold(c echo.Context, bytes int64) (*held, error) {
	part := &held{budget: h.memory}
	if bytes <= memory.FreeBytes {
		return part, nil
	}
	part.client = respond.Client(c)
	err := part.resize(bytes)
	return part, err
}

// resize takes or releases memory until the response has that many bytes. Small
// responses have none.
func (m *held) resize(bytes int64) error {
	if bytes <= memory.FreeBytes {
		bytes = 0
	}
	if bytes <= m.bytes {
		m.free(m.bytes - bytes)
		return nil
	}
	if err := m.budget.Reserve(m.client, bytes-m.bytes, m.bytes); err != nil {
		return err
	}
	m.bytes = bytes
	return nil
}

// free releases a part that was written.
func (m *held) free(bytes int64) {
	bytes = min(bytes, m.bytes)
	m.budget.Release(m.client, bytes)
	m.bytes -= bytes
}

// release releases the rest.
func (m *held) release() { m.free(m.bytes) }

// pageBytes is about the memory that a page needs while it is sent: its records, one
// of them as text, and a piece of the response.
func pageBytes(records []store.Record) int64 {
	if len(records) == 0 {
		return 0
	}
	sum, largest := 0, 0
	for i := range records {
		size := records[i].Size()
		sum, largest = sum+size, max(largest, size)
	}
	return int64(sum + largest + min(sum, respond.PieceBytes))
}

// sendJSON sends a value whose text may be long.
func (h *Handler) sendJSON(c echo.Context, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	part, err := h.hold(c, int64(len(body)))
	if err != nil {
		return err
	}
	defer part.release()
	return respond.Bytes(c, http.StatusOK, h.headers.JSON, append(body, '\n'))
}
