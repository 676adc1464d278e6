package respond

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
)

// slowConn takes rate bytes a second, and fails at its deadline as a connection does.
type slowConn struct {
	*httptest.ResponseRecorder

	rate     int
	deadline time.Time
}

func (c *slowConn) SetWriteDeadline(at time.Time) error {
	c.deadline = at
	return nil
}

func (c *slowConn) Write(p []byte) (int, error) {
	took := time.Hour
	if c.rate > 0 {
		took = time.Duration(len(p)) * time.Second / time.Duration(c.rate)
	}
	if left := time.Until(c.deadline); took > left {
		time.Sleep(left)
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(took)
	return len(p), nil
}

func TestPieces_GiveUpOnClientsThatDoNotRead(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	for name, row := range map[string]struct {
		rate  int
		ends  bool
		least time.Duration
		most  time.Duration
	}{
		"a client that reads nothing has 30 s":           {rate: 0, most: 30 * time.Second},
		"a slow client has as long as it needs":          {rate: 10 << 10, ends: true, least: 10 * time.Minute, most: 15 * time.Minute},
		"a client that hardly reads is cut off":          {rate: 2 << 10, most: 2 * time.Minute},
		"a fast client is done before the first timeout": {rate: 1 << 20, ends: true, most: 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				conn := &slowConn{ResponseRecorder: httptest.NewRecorder(), rate: row.rate}
				c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/", http.NoBody), conn)
				begin := time.Now()
				n, err := NewPieces(c).Write(make([]byte, size))
				took := time.Since(begin)
				if (err == nil) != row.ends || took < row.least || took > row.most {
					t.Errorf("%d bytes in %v: %v", n, took, err)
				}
			})
		})
	}
}
