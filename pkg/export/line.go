package export

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/store"
)

// AppendLine appends a record as a JSON object and a line end, with the members of
// GET /events. eventagg stores no payload with a line break, but another program
// may have written one into the database; it is compacted.
func AppendLine(dst []byte, r store.Record) []byte {
	if strings.ContainsAny(r.Payload, "\r\n") {
		var compact bytes.Buffer
		if json.Compact(&compact, []byte(r.Payload)) == nil {
			r.Payload = compact.String()
		}
	}
	dst = codec.Append(dst, r.Event)
	dst = append(dst[:len(dst)-1], `,"created_at":"`...)
	dst = append(dst, codec.FormatTime(r.CreatedAt)...)
	return append(dst, "\"}\n"...)
}
