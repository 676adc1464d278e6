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

// pack compresses text as a sender would.
func pack(t testing.TB, coding, text string) string {
	t.Helper()
	var packed bytes.Buffer
	var writer io.WriteCloser
	switch coding {
	case "gzip":
		writer = gzip.NewWriter(&packed)
	case "zstd":
		encoder, err := zstd.NewWriter(&packed)
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
	return packed.String()
}

func TestPackedBodies(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"gzip", "zstd"} {
		t.Run(coding, func(t *testing.T) {
			t.Parallel()
			s := serverWith(&memory{}, func(o *Options) { o.MaxBodyBytes = 5000 })
			whole := pack(t, coding, goodEvent)
			for name, row := range map[string]struct {
				body   string
				status int
			}{
				"an event":                 {whole, 200},
				"a batch":                  {pack(t, coding, "["+goodEvent+"]"), 200},
				"nothing":                  {pack(t, coding, ""), 422},
				"an invalid event":         {pack(t, coding, "{}"), 422},
				"more than the limit":      {pack(t, coding, strings.Repeat(" ", 5001)+goodEvent), 413},
				"as much as the limit":     {pack(t, coding, strings.Repeat(" ", 5000-len(goodEvent))+goodEvent), 200},
				"a stream that is cut":     {whole[:len(whole)-5], 422},
				"no stream at all":         {"", 422},
				"one that has been broken": {whole[:20] + "\xff\xff" + whole[22:], 422},
			} {
				answer := ask(s, "POST", "/publish", row.body, "Content-Encoding", coding)
				if answer.Code != row.status {
					t.Errorf("%s: got %d %s, want %d", name, answer.Code, answer.Body, row.status)
				}
			}
			if s.publish.BufferedBytes() != 0 {
				t.Errorf("%d bytes stay on the budget", s.publish.BufferedBytes())
			}
		})
	}
}

// zeros is an endless text of one character, of which n bytes are read.
func zeros(n int64) io.Reader { return io.LimitReader(repeat(' '), n) }

type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// TestABombCostsNothing: a few bytes that unpack to a gibibyte are given up at
// the limit, in each form.
func TestABombCostsNothing(t *testing.T) {
	t.Parallel()
	bomb := strings.Repeat(pack(t, "zstd", strings.Repeat(" ", 16<<20)), 64)
	s := serverWith(&memory{})
	for _, contentType := range []string{"application/json", "application/x-ndjson", "application/cloudevents+json", "application/cloudevents-batch+json"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		answer := ask(s, "POST", "/publish", bomb, "Content-Encoding", "zstd", "Content-Type", contentType)
		runtime.ReadMemStats(&after)
		if answer.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d %s", contentType, answer.Code, answer.Body)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 200<<20 {
			t.Errorf("%s: allocated %d MiB", contentType, allocated>>20)
		}
	}
}

// TestAZstdStreamMayNotAskForMuch: the window is the memory that reading takes.
func TestAZstdStreamMayNotAskForMuch(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	writer, err := zstd.NewWriter(&packed, zstd.WithWindowSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(writer, zeros(100<<20)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	answer := ask(serverWith(&memory{}), "POST", "/publish", packed.String(), "Content-Encoding", "zstd")
	if answer.Code != http.StatusRequestEntityTooLarge || !strings.Contains(answer.Body.String(), "window") {
		t.Errorf("got %d %s", answer.Code, answer.Body)
	}
}

// TestManyLargeBodiesAreBounded: what does not fit is turned away before it is
// read, and what was let in is answered.
func TestManyLargeBodiesAreBounded(t *testing.T) {
	t.Parallel()
	m := &memory{hold: make(chan struct{})}
	s := serverWith(m, func(o *Options) { o.MaxBufferedBytes = 4 << 20 })
	large := strings.Replace(goodEvent, `"k":1.50`, `"k":"`+strings.Repeat("x", 900_000)+`"`, 1)
	codes := make(chan int)
	const requests = 30
	for i := range requests {
		go func() {
			body := strings.Replace(large, `"e"`, fmt.Sprintf(`"e%d"`, i), 1)
			codes <- ask(s, "POST", "/publish", body).Code
		}()
	}
	refused, stored := 0, 0
	for range requests {
		if code := <-codes; code != http.StatusServiceUnavailable {
			stored++
			continue
		}
		refused++
		if refused == requests/2 {
			close(m.hold)
		}
	}
	if stored < 2 || refused < requests/2 || s.publish.BufferedBytes() != 0 {
		t.Errorf("%d stored, %d refused, %d bytes still on the budget", stored, refused, s.publish.BufferedBytes())
	}
}

// TestFramesOfZstd: a stream may be of several frames, as files that were put
// together are.
func TestFramesOfZstd(t *testing.T) {
	t.Parallel()
	skippable := "\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
	noise := make([]byte, 100_000) // what can't be packed, on a line of its own
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	lines := pack(t, "zstd", many(2000)+fmt.Sprintf("%x\n", noise))
	for name, body := range map[string]string{
		"a skippable frame first": skippable + lines,
		"a small one first":       pack(t, "zstd", eventWith("a")+"\n") + lines,
		"an empty one first":      pack(t, "zstd", "") + lines,
		"a large one first":       lines + pack(t, "zstd", eventWith("a")+"\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := ask(serverWith(&memory{}), "POST", "/publish", body, "Content-Type", "application/x-ndjson", "Content-Encoding", "zstd")
			if answer.Code != 207 || !strings.HasPrefix(answer.Body.String(), `{"received":200`) {
				t.Errorf("got %d %s", answer.Code, answer.Body)
			}
		})
	}
}
