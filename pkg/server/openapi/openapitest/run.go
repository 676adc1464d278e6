package openapitest

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
)

// Handler passes requests to next and checks the responses. It skips a response
// if the client disconnected.
func (c *Contract) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w, response: response{method: r.Method, path: r.URL.EscapedPath(), status: http.StatusOK}}
		next.ServeHTTP(rec, r)
		if r.Context().Err() != nil && rec.response.status == statusClientClosedRequest {
			return
		}
		rec.keepHeader()
		c.check(rec.response)
	})
}

// statusClientClosedRequest is the status of the server if the client
// disconnected before the response.
const statusClientClosedRequest = 499

// recorder copies the response of a handler.
type recorder struct {
	http.ResponseWriter

	response response
}

// Unwrap gives an [http.ResponseController] access to the wrapped writer.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteHeader copies status and header.
func (r *recorder) WriteHeader(status int) {
	if r.response.header == nil {
		r.response.status = status
	}
	r.keepHeader()
	r.ResponseWriter.WriteHeader(status)
}

// Write copies a part of the body.
func (r *recorder) Write(part []byte) (int, error) {
	r.keepHeader()
	r.response.body = append(r.response.body, part...)
	return r.ResponseWriter.Write(part)
}

// keepHeader copies the header if no earlier call did.
func (r *recorder) keepHeader() {
	if r.response.header == nil {
		r.response.header = r.Header().Clone()
	}
}

// Violations returns the violations since the last call.
func (c *Contract) Violations() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	violations := c.violations
	c.violations = nil
	return violations
}

// Runner is a [testing.M] or a wrapper of one.
type Runner interface{ Run() int }

// Around returns a Runner that runs the tests and fails if a response violated
// the document. It also fails if no test received a documented status or
// example, unless flags selected only some of the tests.
func (c *Contract) Around(tests Runner) Runner { return around{c, tests} }

type around struct {
	contract *Contract
	tests    Runner
}

// Run runs the tests and returns the exit code.
func (a around) Run() int {
	code := a.tests.Run()
	violations := a.contract.Violations()
	if len(violations) == 0 && code == 0 && !selected() {
		violations = a.contract.missing()
	}
	if len(violations) == 0 {
		return code
	}
	slices.Sort(violations)
	const maxPrinted = 20
	for _, violation := range violations[:min(len(violations), maxPrinted)] {
		fmt.Fprintln(os.Stderr, "OpenAPI document violated:", violation)
	}
	fmt.Fprintf(os.Stderr, "FAIL: %d violations of the OpenAPI document\n", len(violations))
	return 1
}

// selected reports whether flags select only some of the tests.
func selected() bool {
	for _, name := range []string{"run", "skip", "list", "fuzz", "bench"} {
		if found := flag.Lookup("test." + name); found != nil && found.Value.String() != "" {
			return true
		}
	}
	return false
}

// missing returns the documented statuses and examples that no test received.
func (c *Contract) missing() []string {
	documented := map[string]bool{}
	for path := range at(c.document, "paths") {
		for method, operation := range members(c.document, "paths", path) {
			for status, response := range members(operation, "responses") {
				documented[strings.ToUpper(method)+" "+path+" "+status] = true
				ref, found := c.resolve(pointer("paths", path, method, "responses", status), response)
				for mediaType, described := range members(found, "content") {
					for name := range at(described, "examples") {
						documented[exampleName(ref, mediaType, name)] = true
					}
				}
			}
		}
	}
	var missing []string
	for item := range documented {
		if !c.seen[item] {
			missing = append(missing, "no test received "+item)
		}
	}
	return missing
}
