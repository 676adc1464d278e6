package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
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

// location is what the document is called among JSON schemas.
const location = "openapi.json"

// Contract is the document, and what was found of it. It is safe for concurrent
// use.
type Contract struct {
	document object
	paths    map[string]*regexp.Regexp

	mu      sync.Mutex
	schemas *jsonschema.Compiler
	seen    map[string]bool
	faults  []string
}

// New reads the document.
func New() (*Contract, error) {
	text, err := openapi.JSON()
	if err != nil {
		return nil, err
	}
	read, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	document, ok := read.(object)
	if !ok {
		return nil, fmt.Errorf("the document is a %T", read)
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

// closeObjects forbids members that a schema doesn't name.
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

// at is the object at a place of the document, empty where there is none.
func at(node object, names ...string) object {
	for _, name := range names {
		node, _ = node[name].(object)
	}
	return node
}

// members are the objects in the object at a place, by name.
func members(node object, names ...string) iter.Seq2[string, object] {
	return func(yield func(string, object) bool) {
		for name, member := range at(node, names...) {
			if found, ok := member.(object); ok && !yield(name, found) {
				return
			}
		}
	}
}

// pointer is a place in the document, by RFC 6901.
func pointer(names ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	place := []string{"#"}
	for _, name := range names {
		place = append(place, escape.Replace(name))
	}
	return strings.Join(place, "/")
}

// resolve follows a reference to a component.
func (c *Contract) resolve(place string, node object) (string, object) {
	reference, ok := node["$ref"].(string)
	if !ok {
		return place, node
	}
	return reference, at(c.document, strings.Split(strings.TrimPrefix(reference, "#/"), "/")...)
}

// answer is one that a server gave.
type answer struct {
	method, path string
	status       int
	header       http.Header
	body         []byte
}

// check notes what the document doesn't say of an answer.
func (c *Contract) check(a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	place, response, err := c.response(a)
	if err == nil {
		err = c.checkHeader(response, a.header)
	}
	if err == nil {
		err = c.checkBody(place, response, a)
	}
	if err != nil {
		const shown = 500
		c.faults = append(c.faults, fmt.Sprintf("%s %s %d: %v\n%v\n%.*s", a.method, a.path, a.status, err, a.header, shown, a.body))
	}
}

// response finds what the document says of an answer.
func (c *Contract) response(a answer) (place string, response object, err error) {
	method := strings.ToLower(a.method)
	if a.method == http.MethodHead {
		method = "get"
	}
	path := c.route(a.path)
	general := func(name string, status int) (string, object, error) {
		if a.status != status {
			return "", nil, fmt.Errorf("should be answered %d", status)
		}
		return pointer("components", "responses", name), at(c.document, "components", "responses", name), nil
	}
	operation := at(c.document, "paths", path, method)
	switch {
	case path == "":
		return general("NoPath", http.StatusNotFound)
	case a.method == http.MethodOptions:
		return general("Options", http.StatusNoContent)
	case operation == nil:
		return general("NoMethod", http.StatusMethodNotAllowed)
	}
	status := fmt.Sprint(a.status)
	found := at(operation, "responses", status)
	if found == nil {
		return "", nil, fmt.Errorf("%s %s has no answer of this status", a.method, path)
	}
	if a.method != http.MethodHead {
		c.seen[strings.ToUpper(method)+" "+path+" "+status] = true
	}
	place, response = c.resolve(pointer("paths", path, method, "responses", status), found)
	return place, response, nil
}

// route returns the document's path for a request's path, or "". A path without
// parameters goes before one with them.
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

// checkHeader looks at an answer's header, but for what belongs to the transport.
func (c *Contract) checkHeader(response object, header http.Header) error {
	transport := []string{"Content-Type", "Content-Length", "Connection", "Date"}
	documented := map[string]bool{}
	for name, reference := range members(response, "headers") {
		name = http.CanonicalHeaderKey(name)
		documented[name] = true
		place, field := c.resolve("", reference)
		if _, there := header[name]; !there && field["required"] == true {
			return fmt.Errorf("lacks the header %s", name)
		}
		for _, text := range header[name] {
			var value any = text
			if at(field, "schema")["type"] == "integer" {
				value = json.Number(text)
			}
			if err := c.validate(place+"/schema", value); err != nil {
				return fmt.Errorf("header %s: %w", name, err)
			}
		}
	}
	for name := range header {
		if !documented[name] && !slices.Contains(transport, name) {
			return fmt.Errorf("has the header %s", name)
		}
	}
	return nil
}

// checkBody looks at an answer's body, and at whether it is one of the examples.
func (c *Contract) checkBody(place string, response object, a answer) error {
	content := at(response, "content")
	if content == nil || a.method == http.MethodHead {
		if len(a.body) > 0 {
			return fmt.Errorf("has a body of %d bytes", len(a.body))
		}
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		return err
	}
	described, ok := content[mediaType].(object)
	switch {
	case !ok:
		return fmt.Errorf("is of type %s", mediaType)
	case mediaType == "text/event-stream":
		return c.checkStream(string(a.body))
	case !strings.HasSuffix(mediaType, "json"):
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
	if err != nil {
		return err
	}
	for name, example := range members(described, "examples") {
		if reflect.DeepEqual(example["value"], value) {
			c.seen[exampleName(place, mediaType, name)] = true
		}
	}
	return c.validate(place+"/content/"+pointer(mediaType)[2:]+"/schema", value)
}

func exampleName(place, mediaType, name string) string {
	return "the example " + place + " " + mediaType + " " + name
}

// checkStream looks at a stream of events, as far as it came.
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
			return fmt.Errorf("has the line %q", line)
		}
	}
	return nil
}

// validate holds a value to the schema at a place.
func (c *Contract) validate(place string, value any) error {
	schema, err := c.schemas.Compile(location + place)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}
