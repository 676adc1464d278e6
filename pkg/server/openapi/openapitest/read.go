package openapitest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Operations returns the methods and paths of the document, such as "GET /stats".
func (c *Contract) Operations() []string {
	var operations []string
	for path := range at(c.document, "paths") {
		for method := range at(c.document, "paths", path) {
			operations = append(operations, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(operations)
	return operations
}

// Request is an example of a request body.
type Request struct {
	Path, MediaType, Name string
	Body                  string
}

// Requests returns the examples of request bodies of all POST operations.
func (c *Contract) Requests() ([]Request, error) {
	var requests []Request
	for path := range at(c.document, "paths") {
		for mediaType, described := range members(c.document, "paths", path, "post", "requestBody", "content") {
			for name, example := range members(described, "examples") {
				value := example["value"]
				body, ok := value.(string)
				if !ok {
					text, err := json.Marshal(value)
					if err != nil {
						return nil, err
					}
					body = string(text)
				}
				requests = append(requests, Request{path, mediaType, name, body})
			}
		}
	}
	return requests, nil
}

// Messages returns the HTTP requests that stand as code blocks in descriptions.
func (c *Contract) Messages() []string {
	var messages []string
	block := regexp.MustCompile("(?s)```http\n(.*?)\n```")
	for path := range at(c.document, "paths") {
		for _, operation := range members(c.document, "paths", path) {
			description, _ := operation["description"].(string)
			for _, found := range block.FindAllStringSubmatch(description, -1) {
				messages = append(messages, found[1])
			}
		}
	}
	return messages
}

// Example returns the named example of the response with a status, as JSON.
func (c *Contract) Example(path string, status int, name string) (string, error) {
	for _, operation := range members(c.document, "paths", path) {
		_, response := c.resolve("", at(operation, "responses", fmt.Sprint(status)))
		for _, described := range members(response, "content") {
			if found := at(described, "examples", name); found != nil {
				text, err := json.Marshal(found["value"])
				return string(text), err
			}
		}
	}
	return "", fmt.Errorf("%s has no example %s with status %d", path, name, status)
}

// Schemas returns the names of the schemas in components.
func (c *Contract) Schemas() []string {
	return slices.Sorted(maps.Keys(at(c.document, "components", "schemas")))
}

// Property describes a member of an object schema.
type Property struct {
	Type, Format string
	Items        string // name of the schema of an array's elements, or their type
	Required     bool
	Described    bool
}

// Properties returns the members of an object schema by name.
func (c *Contract) Properties(schema string) map[string]Property {
	properties := map[string]Property{}
	required, _ := at(c.document, "components", "schemas", schema)["required"].([]any)
	for name, member := range members(c.document, "components", "schemas", schema, "properties") {
		_, node := c.resolve("", member)
		text := func(node object, name string) string { value, _ := node[name].(string); return value }
		properties[name] = Property{
			Type: text(node, "type"), Format: text(node, "format"), Required: slices.Contains(required, any(name)),
			Items:     cmp.Or(strings.TrimPrefix(text(at(node, "items"), "$ref"), "#/components/schemas/"), text(at(node, "items"), "type")),
			Described: text(node, "description") != "",
		}
	}
	return properties
}

// Fits returns an error if a JSON text does not satisfy a schema.
func (c *Contract) Fits(schema, text string) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.validate(pointer("components", "schemas", schema), value)
}
