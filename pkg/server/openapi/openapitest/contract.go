package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/eventagg/eventagg/pkg/server/openapi"
)

// object is a JSON object.
type object = map[string]any

// location is the URL of the document for the schema compiler.
const location = "openapi.json"

// Contract is the document, with what the tests have seen of it and the
// violations. It is safe for concurrent use.
type Contract struct {
	document object
	paths    map[string]*regexp.Regexp

	mu         sync.Mutex
	schemas    *jsonschema.Compiler
	seen       map[string]bool
	violations []string
}

// New reads the document of package openapi.
func New() (*Contract, error) {
	text, err := openapi.JSON()
	if err != nil {
		return nil, err
	}
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	document, ok := decoded.(object)
	if !ok {
		return nil, fmt.Errorf("the OpenAPI document is a %T, not an object", decoded)
	}
	c := &Contract{document: document, paths: map[string]*regexp.Regexp{}, seen: map[string]bool{}}
	closeObjects(c.document)
	c.schemas = jsonschema.NewCompiler()
	c.schemas.AssertFormat()
	if err := c.schemas.AddResource(location, c.document); err != nil {
		return nil, err
	}
	parameter := regexp.MustCompile(`\\\{[^/]*\\\}`)
	for path := range at(c.document, "paths") {
		c.paths[path] = regexp.MustCompile("^" + parameter.ReplaceAllString(regexp.QuoteMeta(path), "[^/]*") + "$")
	}
	return c, nil
}

// closeObjects makes members invalid that a schema does not name.
func closeObjects(node any) {
	switch node := node.(type) {
	case object:
		if _, named := node["properties"]; named && node["type"] == "object" && node["additionalProperties"] == nil {
			node["additionalProperties"] = false
		}
		for name, member := range node {
			if name != "example" && name != "examples" {
				closeObjects(member)
			}
		}
	case []any:
		for _, element := range node {
			closeObjects(element)
		}
	}
}

// at returns the object at a path below node, or nil if there is none.
func at(node object, names ...string) object {
	for _, name := range names {
		node, _ = node[name].(object)
	}
	return node
}

// members iterates over those members of the object at a path that are objects.
func members(node object, names ...string) iter.Seq2[string, object] {
	return func(yield func(string, object) bool) {
		for name, member := range at(node, names...) {
			if found, ok := member.(object); ok && !yield(name, found) {
				return
			}
		}
	}
}

// pointer returns the JSON pointer (RFC 6901) of a path in the document.
func pointer(names ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	parts := []string{"#"}
	for _, name := range names {
		parts = append(parts, escape.Replace(name))
	}
	return strings.Join(parts, "/")
}

// resolve follows a reference to a component. It returns the object and its
// pointer.
func (c *Contract) resolve(ref string, node object) (string, object) {
	reference, ok := node["$ref"].(string)
	if !ok {
		return ref, node
	}
	return reference, at(c.document, strings.Split(strings.TrimPrefix(reference, "#/"), "/")...)
}

// response is a response of the server, with method and path of its request.
type response struct {
	method, path string
	status       int
	header       http.Header
	body         []byte
}

// check records a violation if the document does not describe the response.
func (c *Contract) check(r response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ref, documented, err := c.find(r)
	if err == nil {
		err = c.checkHeader(documented, r.header)
	}
	if err == nil {
		err = c.checkBody(ref, documented, r)
	}
	if err != nil {
		const maxBody = 500
		c.violations = append(c.violations, fmt.Sprintf("%s %s %d: %v\n%v\n%.*s", r.method, r.path, r.status, err, r.header, maxBody, r.body))
	}
}

// find returns the documented response for r, and its pointer.
func (c *Contract) find(r response) (ref string, documented object, err error) {
	method := strings.ToLower(r.method)
	if r.method == http.MethodHead {
		method = "get"
	}
	path := c.route(r.path)
	refusals := map[int]string{
		http.StatusUnauthorized: "Unauthenticated", http.StatusForbidden: "Forbidden", http.StatusMisdirectedRequest: "ForeignHost",
	}
	if r.status == http.StatusTooManyRequests && bytes.Contains(r.body, []byte("problem:unauthenticated")) {
		refusals[r.status] = "TooManyInvalidKeys"
	}
	general := func(name string, status int) (string, object, error) {
		if r.status != status {
			return "", nil, fmt.Errorf("should have the status %d", status)
		}
		return pointer("components", "responses", name), at(c.document, "components", "responses", name), nil
	}
	operation := at(c.document, "paths", path, method)
	switch {
	case refusals[r.status] != "":
		return general(refusals[r.status], r.status)
	case path == "":
		return general("NoPath", http.StatusNotFound)
	case r.method == http.MethodOptions:
		return general("Options", http.StatusNoContent)
	case operation == nil:
		return general("NoMethod", http.StatusMethodNotAllowed)
	}
	status := fmt.Sprint(r.status)
	found := at(operation, "responses", status)
	if found == nil {
		return "", nil, fmt.Errorf("%s %s has no response with this status", r.method, path)
	}
	if r.method != http.MethodHead {
		c.seen[strings.ToUpper(method)+" "+path+" "+status] = true
	}
	ref, documented = c.resolve(pointer("paths", path, method, "responses", status), found)
	return ref, documented, nil
}

// route returns the path of the document that matches the path of a request, or
// "". A path without parameters has precedence.
func (c *Contract) route(path string) string {
	if _, exact := c.paths[path]; exact {
		return path
	}
	for template, pattern := range c.paths {
		if pattern.MatchString(path) {
			return template
		}
	}
	return ""
}

// checkHeader compares the header of a response with the document. It skips
// fields of the transport.
func (c *Contract) checkHeader(documented object, header http.Header) error {
	transport := []string{"Content-Type", "Content-Length", "Connection", "Date"}
	known := map[string]bool{}
	headers := maps.Clone(at(c.document, "components", "x-every-response", "headers"))
	maps.Copy(headers, at(documented, "headers"))
	for name, reference := range members(headers) {
		name = http.CanonicalHeaderKey(name)
		known[name] = true
		ref, field := c.resolve("", reference)
		if _, found := header[name]; !found && field["required"] == true {
			return fmt.Errorf("lacks the header %s", name)
		}
		for _, text := range header[name] {
			var value any = text
			if at(field, "schema")["type"] == "integer" {
				value = json.Number(text)
			}
			if err := c.validate(ref+"/schema", value); err != nil {
				return fmt.Errorf("header %s: %w", name, err)
			}
		}
	}
	for name := range header {
		if !known[name] && !slices.Contains(transport, name) {
			return fmt.Errorf("has the undocumented header %s", name)
		}
	}
	return nil
}

// checkBody compares the body of a response with the document. It also records
// which example the body equals.
func (c *Contract) checkBody(ref string, documented object, r response) error {
	content := at(documented, "content")
	if content == nil || r.method == http.MethodHead {
		if len(r.body) > 0 {
			return fmt.Errorf("has a body of %d bytes", len(r.body))
		}
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil {
		return err
	}
	described, ok := content[mediaType].(object)
	switch {
	case !ok:
		return fmt.Errorf("has the undocumented media type %s", mediaType)
	case mediaType == "text/event-stream":
		return c.checkStream(string(r.body))
	case !strings.HasSuffix(mediaType, "json"):
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.body))
	if err != nil {
		return err
	}
	for name, example := range members(described, "examples") {
		if reflect.DeepEqual(example["value"], value) {
			c.seen[exampleName(ref, mediaType, name)] = true
		}
	}
	return c.validate(ref+"/content/"+pointer(mediaType)[2:]+"/schema", value)
}

func exampleName(ref, mediaType, name string) string {
	return "the example " + ref + " " + mediaType + " " + name
}

// checkStream compares the complete messages of an event stream with the
// document. The stream may end within a message.
func (c *Contract) checkStream(text string) error {
	field := regexp.MustCompile(`^(:.*|id: [A-Za-z0-9_-]+|event: event|retry: \d+|)$`)
	end := strings.LastIndex(text, "\n\n")
	if end < 0 {
		return nil
	}
	for line := range strings.SplitSeq(text[:end], "\n") {
		data, ok := strings.CutPrefix(line, "data: ")
		switch {
		case ok:
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(data))
			if err != nil {
				return err
			}
			if err := c.validate("#/components/schemas/StoredEvent", value); err != nil {
				return err
			}
		case !field.MatchString(line):
			return fmt.Errorf("has the unexpected line %q", line)
		}
	}
	return nil
}

// validate validates a value against the schema at a pointer.
func (c *Contract) validate(ref string, value any) error {
	schema, err := c.schemas.Compile(location + ref)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}
