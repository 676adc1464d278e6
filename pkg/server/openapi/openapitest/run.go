package openapitest

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
)

// Handler passes requests on, and checks the answers. An answer that was broken
// off, or that its client didn't wait for, is not looked at.
func (c *Contract) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answer{method: r.Method, path: r.URL.EscapedPath(), status: http.StatusOK}
		tee := &tee{ResponseWriter: w, answer: &a}
		next.ServeHTTP(tee, r)
		if r.Context().Err() != nil && a.status == statusClientGone {
			return
		}
		if a.header == nil { // nothing was written
			a.header = w.Header().Clone()
		}
		c.check(a)
	})
}

// statusClientGone stands for no answer, since nobody is left to read it.
const statusClientGone = 499

// tee keeps what a handler answers.
type tee struct {
	http.ResponseWriter

	answer *answer
	body   bytes.Buffer
}

// Unwrap lets an [http.ResponseController] through.
func (t *tee) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// WriteHeader keeps the head.
func (t *tee) WriteHeader(status int) {
	if t.answer.header == nil {
		t.answer.status, t.answer.header = status, t.Header().Clone()
	}
	t.ResponseWriter.WriteHeader(status)
}

// Write keeps a part of the body.
func (t *tee) Write(part []byte) (int, error) {
	if t.answer.header == nil {
		t.answer.header = t.Header().Clone()
	}
	t.body.Write(part)
	t.answer.body = t.body.Bytes()
	return t.ResponseWriter.Write(part)
}

// Faults returns what was found wrong so far, and forgets it.
func (c *Contract) Faults() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	faults := c.faults
	c.faults = nil
	return faults
}

// Runner is a [testing.M], or what stands around one.
type Runner interface{ Run() int }

// Around returns a Runner that runs the tests and fails if an answer was not as
// the document says. Every status and every example of the document must have
// been among the answers; a run of only some tests is not held to that.
func (c *Contract) Around(tests Runner) Runner { return around{c, tests} }

type around struct {
	contract *Contract
	tests    Runner
}

// Run runs the tests.
func (a around) Run() int {
	code := a.tests.Run()
	faults := a.contract.Faults()
	if len(faults) == 0 && code == 0 && !selected() {
		faults = a.contract.missing()
	}
	if len(faults) == 0 {
		return code
	}
	slices.Sort(faults)
	const most = 20
	for _, fault := range faults[:min(len(faults), most)] {
		fmt.Fprintln(os.Stderr, "not as the OpenAPI document says:", fault)
	}
	fmt.Fprintf(os.Stderr, "FAIL: %d answers or promises\n", len(faults))
	return 1
}

// selected reports whether not all tests were run.
func selected() bool {
	for _, name := range []string{"run", "skip", "list", "fuzz", "bench"} {
		if found := flag.Lookup("test." + name); found != nil && found.Value.String() != "" {
			return true
		}
	}
	return false
}

// missing is what the document promises and no answer was.
func (c *Contract) missing() []string {
	promised := map[string]bool{}
	for path := range at(c.document, "paths") {
		for method, operation := range members(c.document, "paths", path) {
			for status, response := range members(operation, "responses") {
				promised[strings.ToUpper(method)+" "+path+" "+status] = true
				place, found := c.resolve(pointer("paths", path, method, "responses", status), response)
				for mediaType, described := range members(found, "content") {
					for name := range at(described, "examples") {
						promised[exampleName(place, mediaType, name)] = true
					}
				}
			}
		}
	}
	var missing []string
	for promise := range promised {
		if !c.seen[promise] {
			missing = append(missing, "no test saw "+promise)
		}
	}
	return missing
}
