package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/store"
)

// countingReader never ends and counts what is taken from it.
type countingReader struct{ taken int64 }

func (r *countingReader) Read(p []byte) (int, error) {
	r.taken += int64(len(p))
	return len(p), nil
}

// fresh returns a publishing that no request has used.
func fresh(s *Server) *publishing {
	p, _ := s.newPublishing().(*publishing)
	return p
}

func TestReadBodyStopsOneByteBeyondTheLimit(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(0, 100_000).Draw(t, "limit")
		body := &countingReader{}
		if err := s.readBody(fresh(s), body, -1, limit); err == nil || body.taken > limit+1 {
			t.Errorf("took %d bytes with the limit %d: %v", body.taken, limit, err)
		}
	})
}

func TestReadBodyReadsAllUpToTheLimit(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	rapid.Check(t, func(t *rapid.T) {
		body := strings.Repeat("x", rapid.IntRange(0, 10_000).Draw(t, "size"))
		p := fresh(s)
		p.body = make([]byte, 0, rapid.IntRange(0, 10_000).Draw(t, "buffer"))
		had := cap(p.body)
		length := rapid.SampledFrom([]int64{-1, int64(len(body))}).Draw(t, "length")
		if err := s.readBody(p, strings.NewReader(body), length, int64(len(body))); err != nil || string(p.body) != body {
			t.Errorf("got %d of %d bytes: %v", len(p.body), len(body), err)
		}
		if grown := cap(p.body) > had; grown && cap(p.body) > freeBytes && p.charged < int64(cap(p.body)) {
			t.Errorf("a buffer that grew to %d bytes has %d on the budget", cap(p.body), p.charged)
		}
	})
}

func TestReadBodyRefusesALongOneUnread(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	body := &countingReader{}
	if err := s.readBody(fresh(s), body, 11, 10); err == nil || body.taken != 0 {
		t.Errorf("took %d bytes: %v", body.taken, err)
	}
}

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
			if s.budget.used != 0 {
				t.Errorf("%d bytes stay on the budget", s.budget.used)
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

func TestBudget(t *testing.T) {
	t.Parallel()
	now := noon()
	b := budget{limit: 100, now: func() time.Time { return now }}
	steps := []struct {
		what    string
		reserve int64
		release int64
		pass    time.Duration
		full    bool
		after   time.Duration
	}{
		{what: "more than the limit is let in when alone", reserve: 300},
		{what: "and keeps all others out", reserve: 1, full: true, after: time.Second},
		{what: "it drains", release: 300},
		{what: "others are let in up to the limit", reserve: 100},
		{what: "and not beyond", reserve: 1, full: true, after: 2 * time.Second},
		{what: "a slow drain", release: 10, pass: 10 * time.Second},
		{what: "makes the next one wait for the rest", reserve: 11, full: true, after: 3 * time.Second},
		{what: "what fits is let in all the same", reserve: 10},
		{what: "after a long silence nobody knows", release: 1, pass: time.Hour},
		{what: "and the wait is bounded", reserve: 2, full: true, after: 20 * time.Second},
	}
	for _, step := range steps {
		now = now.Add(step.pass)
		b.release(step.release)
		if step.reserve == 0 {
			continue
		}
		err := b.reserve(step.reserve, 0)
		if errors.Is(err, store.ErrOverloaded) != step.full || (err != nil) != step.full {
			t.Fatalf("%s: %v", step.what, err)
		}
		if got := store.RetryAfter(err, 0); step.full && got.Round(time.Second) != step.after {
			t.Errorf("%s: wait %s, want %s", step.what, got, step.after)
		}
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
	if stored < 2 || refused < requests/2 || s.budget.used != 0 {
		t.Errorf("%d stored, %d refused, %d bytes still on the budget", stored, refused, s.budget.used)
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

// TestPromisesDoNotKeepOthersOut: clients that announce large bodies and send
// nothing leave room for everybody else's.
func TestPromisesDoNotKeepOthersOut(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	for range 10 {
		p := fresh(s)
		_ = p.chargePromise(16 << 20) // never comes
	}
	large := strings.Replace(goodEvent, `"k":1.50`, `"k":"`+strings.Repeat("x", 200_000)+`"`, 1)
	for name, answer := range map[string]int{
		"an event": ask(s, "POST", "/publish", large).Code,
		"lines":    ask(s, "POST", "/publish", many(3000), "Content-Type", "application/x-ndjson").Code,
		"zstd":     ask(s, "POST", "/publish", pack(t, "zstd", goodEvent), "Content-Encoding", "zstd").Code,
	} {
		if answer != 200 {
			t.Errorf("%s: got %d", name, answer)
		}
	}
}
