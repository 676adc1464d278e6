package postgres

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/eventagg/eventagg/pkg/store/audit"
)

// located is a difference with the number of its topic. Names are read after the page:
// there is one connection.
type located struct {
	topic  int32
	key    []byte // nil if it is not about an event
	kind   audit.Kind
	detail string
}

// locate adds differences to a page, with the names of their topics.
func (a *Audit) locate(ctx context.Context, page *audit.Page, found []located) error {
	for _, f := range found {
		name, err := a.name(ctx, f.topic)
		if err != nil {
			return err
		}
		difference := audit.Difference{Kind: f.kind, Topic: name, Detail: f.detail}
		if f.key != nil {
			difference.ID = readableKey(f.key)
		}
		page.Found = append(page.Found, difference)
	}
	return nil
}

// maxAuditNames bounds the memory of names.
const maxAuditNames = 1000

// name returns the name of a topic, or its number if it has none.
func (a *Audit) name(ctx context.Context, number int32) (string, error) {
	if name, known := a.names[number]; known {
		return name, nil
	}
	var name string
	if err := a.one(ctx, "topic_name", []any{number}, &name); err != nil {
		return "", err
	}
	if name == "" {
		return fmt.Sprintf("(number %d)", number), nil
	}
	if len(a.names) >= maxAuditNames {
		clear(a.names)
	}
	a.names[number] = name
	return name, nil
}

// readableKey returns the event_id of a stored key, of any form.
func readableKey(key []byte) string {
	text, err := keyText(key)
	if err != nil {
		return hex.EncodeToString(key)
	}
	return text
}
