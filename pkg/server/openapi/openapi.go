// Package openapi is the description of the HTTP interface: an OpenAPI 3.1
// document, written as YAML in this folder, a file for each part of it. Package
// server answers with it, and the contract tests (openapitest) hold every answer
// to it.
package openapi

import (
	"embed"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var files embed.FS

// JSON returns the document. Members stand in the order of the files, which is
// the one that a reader is shown.
func JSON() ([]byte, error) {
	whole := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range []string{"info", "publish", "stats", "events", "service", "components"} {
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

// merge adds the members of a mapping to another one.
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

// appendJSON appends the JSON text of a node. Through a map it would lose the
// order of its members.
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
			return append(dst, node.Value...), nil // written as JSON has them
		}
		return appendText(dst, node.Value)
	}
}

func appendText(dst []byte, text string) ([]byte, error) {
	quoted, err := json.Marshal(text)
	return append(dst, quoted...), err
}
