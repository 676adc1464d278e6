package server

import (
	"mime"
	"net/http"
	"strings"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event/cloudevents"
)

// form is how the events of a request are written.
type form uint8

const (
	formJSON        form = iota // one event, or a batch
	formLines                   // NDJSON
	formCloudEvent              // CloudEvents, structured mode
	formCloudEvents             // CloudEvents, batched mode
	formBinary                  // CloudEvents, binary mode: attributes in the head
)

// formOf tells the form by the head, before the body is read. A media type that
// is missing means JSON. The attributes of a CloudEvent in the head make its
// body data, of whatever type.
func formOf(header http.Header) (form, error) {
	values := header["Content-Type"]
	binary := cloudevents.IsBinary(header)
	if !binary && (len(values) == 0 || values[0] == api.TypeJSON) {
		return formJSON, nil
	}
	mediaType, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	known := map[string]form{
		"": formJSON, api.TypeJSON: formJSON,
		api.TypeLines: formLines, "application/jsonl": formLines,
		api.TypeCloudEvent: formCloudEvent, api.TypeCloudEvents: formCloudEvents,
	}
	found, ok := known[mediaType]
	switch {
	case strings.HasPrefix(mediaType, "application/cloudevents") && !ok:
		return 0, unknownType("Of CloudEvents the JSON formats are taken: " + api.TypeCloudEvent + " and " + api.TypeCloudEvents + ".")
	case binary:
		return formBinary, nil
	case strings.TrimSpace(header.Get("Content-Type")) == "":
		return formJSON, nil
	case err != nil || !ok || !isUTF8(params["charset"]):
		return 0, unknownType("The body must be JSON in UTF-8, with the header Content-Type: application/json; or one event a line, with application/x-ndjson; or CloudEvents.")
	default:
		return found, nil
	}
}

func unknownType(detail string) error {
	return &requestError{
		status: http.StatusUnsupportedMediaType, detail: detail, header: "Accept-Post",
		value: strings.Join([]string{api.TypeJSON, api.TypeLines, api.TypeCloudEvent, api.TypeCloudEvents}, ", "),
	}
}

func isUTF8(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8") ||
		strings.EqualFold(charset, "us-ascii")
}
