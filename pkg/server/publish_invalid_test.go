package server

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/eventagg/eventagg/pkg/api"
)

// repeated is a reader of a text n times.
func repeated(text string, n int64) io.Reader {
	return io.LimitReader(&cycle{text: text}, n*int64(len(text)))
}

// cycle is an endless reader of a text.
type cycle struct {
	text string
	at   int
}

func (c *cycle) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		copied := copy(p[n:], c.text[c.at:])
		n, c.at = n+copied, (c.at+copied)%len(c.text)
	}
	return n, nil
}

// gzipOf returns what a reader has, compressed.
func gzipOf(t *testing.T, in io.Reader) string {
	t.Helper()
	var compressed strings.Builder
	writer := gzip.NewWriter(&compressed)
	if _, err := io.Copy(writer, in); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return compressed.String()
}

// TestPublishLines_TooManyInvalidLinesEndTheStream sends few bytes that are many
// lines. The server must not read them all: with 70 million lines that took minutes.
func TestPublishLines_TooManyInvalidLinesEndTheStream(t *testing.T) {
	t.Parallel()
	const million = 1_000_000
	mixed := eventWith("a") + "\n" + strings.Repeat("{}\n", 9000)
	long := `{"topic":"` + strings.Repeat("x", 2<<20) + "\"}\n"
	for name, row := range map[string]struct {
		body        io.Reader
		plain       bool
		status      int
		committed   int64
		success     int64
		errorDetail string
	}{
		"a million invalid lines": {
			body: repeated("{}\n", million), status: 422, committed: 10_001, errorDetail: "10000 lines in a row are invalid",
		},
		"not compressed": {
			body: repeated("{}\n", million), plain: true, status: 422, committed: 10_001, errorDetail: "10000 lines in a row are invalid",
		},
		"valid lines first": {
			body: io.MultiReader(strings.NewReader(many(100)), repeated("{}\n", million)), status: 422, committed: 10_101, success: 100,
			errorDetail: "10000 lines in a row are invalid",
		},
		"a valid line from time to time": {
			body: repeated(mixed, 10), status: 422, success: 1, errorDetail: "more invalid lines than it has bytes",
		},
		"lines that are too long": {
			body: repeated(long, 12), status: 413, errorDetail: "bytes arrived without an event",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			headers := []string{"Content-Type", api.TypeLines}
			var body string
			if row.plain {
				text, _ := io.ReadAll(row.body)
				body = string(text)
			} else {
				body, headers = gzipOf(t, row.body), append(headers, "Content-Encoding", "gzip")
			}
			m := &memory{}
			response := send(serverWith(m), "POST", "/publish", body, headers...)
			var problem api.Problem
			if err := json.Unmarshal(response.Body.Bytes(), &problem); err != nil {
				t.Fatal(err)
			}
			if response.Code != row.status || !strings.Contains(problem.Detail, row.errorDetail) {
				t.Errorf("%d bytes: got %d %s", len(body), response.Code, response.Body)
			}
			if row.committed > 0 && (problem.CommittedLines == nil || *problem.CommittedLines != row.committed || len(problem.Errors) == 0) {
				t.Errorf("got %s, want committed_lines %d and errors", response.Body, row.committed)
			}
			if m.counts.Stored != row.success {
				t.Errorf("%d events are stored, want %d", m.counts.Stored, row.success)
			}
		})
	}
}

// TestPublishLines_InvalidLinesBetweenValidOnes: a file may have many invalid lines if
// most lines are valid.
func TestPublishLines_InvalidLinesBetweenValidOnes(t *testing.T) {
	t.Parallel()
	const valid = 30_000
	var text strings.Builder
	for line := range strings.Lines(many(valid)) {
		text.WriteString(line + badEvent + "\n")
	}
	for coding, headers := range map[string][]string{
		"": {"Content-Type", api.TypeLines}, "gzip": {"Content-Type", api.TypeLines, "Content-Encoding", "gzip"},
	} {
		s := serverWith(&memory{}, func(o *Options) { o.Appender = &countingAppender{} })
		response := send(s, "POST", "/publish", compress(t, coding, text.String()), headers...)
		if response.Code != 207 || !strings.HasPrefix(response.Body.String(), `{"received":30000,"success":30000,"ignored":0,"invalid":30000,`) {
			t.Errorf("%q: got %d %.300s", coding, response.Code, response.Body)
		}
	}
}
