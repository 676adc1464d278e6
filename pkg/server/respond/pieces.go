package respond

import (
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	// PieceBytes is the amount that is written at once. A long response is many pieces,
	// each with its own timeout.
	PieceBytes = 32 << 10
	// pieceTimeout is the maximum time in which a client reads nothing.
	pieceTimeout = 30 * time.Second
	// minReadRate is the minimum average rate of a client in bytes per second. A page of
	// 8 MiB may take 17 minutes.
	minReadRate = 8 << 10
)

// Pieces writes a long response. Slow clients get all of it, and the response of a client
// that does not read ends. With one timeout for the whole response, slow clients would
// lose the end, and clients that do not read would hold memory until then.
type Pieces struct {
	writer  http.ResponseWriter
	control *http.ResponseController
	begin   time.Time
	written int64
}

// NewPieces returns a writer of the response's body. The time limits start now.
func NewPieces(c echo.Context) *Pieces {
	return &Pieces{writer: c.Response(), control: http.NewResponseController(c.Response()), begin: time.Now()}
}

// Write implements [io.Writer].
func (p *Pieces) Write(text []byte) (int, error) {
	total := 0
	for piece := range slices.Chunk(text, PieceBytes) {
		now := time.Now() // the system's clock, also in tests
		deadline := now.Add(pieceTimeout)
		earned := time.Duration(float64(p.written) / minReadRate * float64(time.Second))
		if slowest := p.begin.Add(pieceTimeout + earned); slowest.Before(deadline) {
			deadline = slowest
		}
		_ = p.control.SetWriteDeadline(deadline) // only tests have a writer without deadlines
		n, err := p.writer.Write(piece)
		total += n
		p.written += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
