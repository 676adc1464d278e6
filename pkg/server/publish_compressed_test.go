package server

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compress returns text with a content coding.
func compress(t testing.TB, coding, text string) string {
	t.Helper()
	var compressed bytes.Buffer
	var writer io.WriteCloser
	switch coding {
	case "gzip":
		writer = gzip.NewWriter(&compressed)
	case "zstd":
		encoder, err := zstd.NewWriter(&compressed)
		if err != nil {
			t.Fatal(err)
		}
		writer = encoder
	default:
		return text
	}
	if _, err := io.WriteString(writer, text); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return compressed.String()
}

func TestPublish_CompressedBodies(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"gzip", "zstd"} {
		t.Run(coding, func(t *testing.T) {
			t.Parallel()
			s := serverWith(&memory{}, func(o *Options) { o.MaxBodyBytes = 5000 })
			whole := compress(t, coding, goodEvent)
			for name, row := range map[string]struct {
				body   string
				status int
			}{
				"an event":           {whole, 200},
				"a batch":            {compress(t, coding, "["+goodEvent+"]"), 200},
				"nothing":            {compress(t, coding, ""), 422},
				"an invalid event":   {compress(t, coding, "{}"), 422},
				"above the limit":    {compress(t, coding, strings.Repeat(" ", 5001)+goodEvent), 413},
				"exactly the limit":  {compress(t, coding, strings.Repeat(" ", 5000-len(goodEvent))+goodEvent), 200},
				"a truncated stream": {whole[:len(whole)-5], 422},
				"an empty body":      {"", 422},
				"a damaged stream":   {whole[:20] + "\xff\xff" + whole[22:], 422},
			} {
				response := send(s, "POST", "/publish", row.body, "Content-Encoding", coding)
				if response.Code != row.status {
					t.Errorf("%s: got %d %s, want %d", name, response.Code, response.Body, row.status)
				}
			}
			if s.publish.BufferedBytes() != 0 {
				t.Errorf("%d bytes stay on the budget", s.publish.BufferedBytes())
			}
		})
	}
}

// spaces returns a reader of n spaces.
func spaces(n int64) io.Reader { return io.LimitReader(repeat(' '), n) }

// repeat is an endless reader of one character.
type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// TestPublish_DecompressionBombIsBounded sends few bytes that decompress to a
// gibibyte. The server must stop at the limit, in each form.
func TestPublish_DecompressionBombIsBounded(t *testing.T) {
	t.Parallel()
	bomb := strings.Repeat(compress(t, "zstd", strings.Repeat(" ", 16<<20)), 64)
	s := serverWith(&memory{})
	for _, contentType := range []string{"application/json", "application/x-ndjson", "application/cloudevents+json", "application/cloudevents-batch+json"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		response := send(s, "POST", "/publish", bomb, "Content-Encoding", "zstd", "Content-Type", contentType)
		runtime.ReadMemStats(&after)
		if response.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d %s", contentType, response.Code, response.Body)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 200<<20 {
			t.Errorf("%s: allocated %d MiB", contentType, allocated>>20)
		}
	}
}

// TestPublish_ZstdWindowIsBounded sends a stream with a large window, because the
// decoder needs as much memory as the window.
func TestPublish_ZstdWindowIsBounded(t *testing.T) {
	t.Parallel()
	var compressed bytes.Buffer
	writer, err := zstd.NewWriter(&compressed, zstd.WithWindowSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(writer, spaces(100<<20)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	response := send(serverWith(&memory{}), "POST", "/publish", compressed.String(), "Content-Encoding", "zstd")
	if response.Code != http.StatusRequestEntityTooLarge || !strings.Contains(response.Body.String(), "window") {
		t.Errorf("got %d %s", response.Code, response.Body)
	}
}

// TestPublish_LargeBodiesStayWithinMemoryBudget sends more large bodies than fit
// into memory. Some get 503 before they are read; all others are stored.
func TestPublish_LargeBodiesStayWithinMemoryBudget(t *testing.T) {
	t.Parallel()
	m := &memory{hold: make(chan struct{})}
	s := serverWith(m, func(o *Options) { o.MaxBufferedBytes = 4 << 20 })
	large := strings.Replace(goodEvent, `"k":1.50`, `"k":"`+strings.Repeat("x", 900_000)+`"`, 1)
	codes := make(chan int)
	const requests = 30
	for i := range requests {
		go func() {
			body := strings.Replace(large, `"e"`, fmt.Sprintf(`"e%d"`, i), 1)
			codes <- send(s, "POST", "/publish", body).Code
		}()
	}
	overloaded, stored := 0, 0
	for range requests {
		if code := <-codes; code != http.StatusServiceUnavailable {
			stored++
			continue
		}
		overloaded++
		if overloaded == requests/2 {
			close(m.hold)
		}
	}
	if stored < 2 || overloaded < requests/2 || s.publish.BufferedBytes() != 0 {
		t.Errorf("%d stored, %d overloaded, %d bytes still on the budget", stored, overloaded, s.publish.BufferedBytes())
	}
}

// TestPublish_SeveralZstdFrames sends streams of several frames, as concatenated
// files have them.
func TestPublish_SeveralZstdFrames(t *testing.T) {
	t.Parallel()
	skippable := "\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
	noise := make([]byte, 100_000) // incompressible, on a line of its own
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	lines := compress(t, "zstd", many(2000)+fmt.Sprintf("%x\n", noise))
	for name, body := range map[string]string{
		"a skippable frame first": skippable + lines,
		"a small frame first":     compress(t, "zstd", eventWith("a")+"\n") + lines,
		"an empty frame first":    compress(t, "zstd", "") + lines,
		"a large frame first":     lines + compress(t, "zstd", eventWith("a")+"\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := send(serverWith(&memory{}), "POST", "/publish", body, "Content-Type", "application/x-ndjson", "Content-Encoding", "zstd")
			if response.Code != 207 || !strings.HasPrefix(response.Body.String(), `{"received":200`) {
				t.Errorf("got %d %s", response.Code, response.Body)
			}
		})
	}
}
