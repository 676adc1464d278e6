package transport

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/valyala/fasthttp"
)

const common = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: a-1\r\nDate: Mon, 23 Nov 2026 17:41:26 GMT\r\nContent-Length: 4\r\n\r\ntrue"

func TestScan_AcceptsOnlyTheCommonForm(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want bool
	}{
		"a response of serve":                 {common, true},
		"no body":                             {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
		"another status":                      {"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", false},
		"another version":                     {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false},
		"a header that ends the connection":   {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false},
		"a body in chunks":                    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
		"a body up to the end of connection":  {"HTTP/1.1 200 OK\r\n\r\ntrue", false},
		"two lengths":                         {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\ntrue", false},
		"an invalid length":                   {"HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\ntrue", false},
		"a header continued on the next line": {"HTTP/1.1 200 OK\r\nDate: a\r\n b\r\nContent-Length: 0\r\n\r\n", false},
		"an incomplete body":                  {common[:len(common)-1], false},
		"an incomplete head":                  {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", false},
		"something after the response":        {common + "H", false},
		"nothing":                             {"", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, ok := scan([]byte(test.text)); ok != test.want {
				t.Errorf("got %v, %+v", ok, got)
			}
		})
	}
}

// FuzzScan compares scan with the full parser.
func FuzzScan(f *testing.F) {
	f.Add([]byte(common))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: \r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Type\r\nContent-Length: 0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nDate: a\nb\r\nContent-Length: 0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := scan(text)
		if !ok {
			return
		}
		var want fasthttp.Response
		reader := bufio.NewReader(bytes.NewReader(text))
		if err := want.Read(reader); err != nil {
			t.Fatalf("the full parser refuses it: %v", err)
		}
		if got.Status != want.StatusCode() || !bytes.Equal(got.Body, want.Body()) || reader.Buffered() > 0 ||
			want.ConnectionClose() || got.last || len(want.Header.Peek("Retry-After")) > 0 {
			t.Errorf("got %+v, want %v", got, &want)
		}
	})
}
