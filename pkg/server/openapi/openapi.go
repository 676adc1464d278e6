// Package openapi is the OpenAPI 3.1 document of the HTTP interface, written as
// YAML files in this folder. It is internal: package server serves the document,
// and the contract tests in openapitest compare every response with it.
package openapi

import (
	"embed"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var files embed.FS

// JSON returns the document. Its members have the order of the YAML files, and
// documentation pages show them in this order.
func JSON() ([]byte, error) {
	whole := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range []string{"info", "publish", "stats", "duplicates", "events", "service", "components"} {
		text, err := files.ReadFile(name + ".yaml")
		if err != nil {
			return nil, fmt.Errorf("read the OpenAPI document: %w", err)
		}
		var part yaml.Node
		if err := yaml.Unmarshal(text, &part); err != nil {
			return nil, fmt.Errorf("read %s.yaml of the OpenAPI document: %w", name, err)
		}
		merge(whole, part.Content[0])
	}
	return appendJSON(nil, whole)
}

// merge adds the members of the mapping from to the mapping into.
func merge(into, from *yaml.Node) {
members:
	for i := 0; i < len(from.Content); i += 2 {
		for j := 0; j < len(into.Content); j += 2 {
			if into.Content[j].Value == from.Content[i].Value {
				merge(into.Content[j+1], from.Content[i+1])
				continue members
			}
		}
		into.Content = append(into.Content, from.Content[i], from.Content[i+1])
	}
}

// appendJSON appends the JSON text of a node. It does not go through a map,
// because a map loses the order of the members.
func appendJSON(dst []byte, node *yaml.Node) ([]byte, error) {
	var err error
	switch node.Kind {
	case yaml.AliasNode:
		return appendJSON(dst, node.Alias)
	case yaml.MappingNode:
		dst = append(dst, '{')
		for i := 0; i < len(node.Content) && err == nil; i += 2 {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendText(dst, node.Content[i].Value); err == nil {
				dst, err = appendJSON(append(dst, ':'), node.Content[i+1])
			}
		}
		return append(dst, '}'), err
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i := 0; i < len(node.Content) && err == nil; i++ {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst, err = appendJSON(dst, node.Content[i])
		}
		return append(dst, ']'), err
	default:
		if tag := node.ShortTag(); tag == "!!int" || tag == "!!float" || tag == "!!bool" {
			return append(dst, node.Value...), nil // YAML and JSON have the same literals
		}
		return appendText(dst, node.Value)
	}
}

func appendText(dst []byte, text string) ([]byte, error) {
	quoted, err := json.Marshal(text)
	return append(dst, quoted...), err
}
