package publish

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event/cloudevents"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// form is how the events of a request are written.
type form uint8

const (
	formJSON        form = iota // one event, or a batch
	formLines                   // NDJSON
	formCloudEvent              // CloudEvents, structured mode
	formCloudEvents             // CloudEvents, batched mode
	formBinary                  // CloudEvents, binary mode: attributes in the header
)

// detectForm returns the form by the header, before the body is read. A missing
// media type means JSON. If a CloudEvent has its attributes in the header, the
// body is its data, of whatever type.
func detectForm(header http.Header) (form, error) {
	values := header[respond.HeaderContentType]
	binary := cloudevents.IsBinary(header)
	if !binary && (len(values) == 0 || values[0] == api.TypeJSON) {
		return formJSON, nil
	}
	value := oneType(values)
	mediaType, params, err := mime.ParseMediaType(value)
	known := map[string]form{
		"": formJSON, api.TypeJSON: formJSON,
		api.TypeLines: formLines, "application/ndjson": formLines, "application/jsonl": formLines,
		api.TypeCloudEvent: formCloudEvent, api.TypeCloudEvents: formCloudEvents,
	}
	found, ok := known[mediaType]
	switch {
	case strings.HasPrefix(mediaType, "application/cloudevents") && !ok:
		return 0, unknownType("CloudEvents are accepted in their JSON formats: " + api.TypeCloudEvent + " and " + api.TypeCloudEvents + ".")
	case binary:
		return formBinary, nil
	case strings.TrimSpace(value) == "":
		return formJSON, nil
	case err != nil || !ok || !isUTF8(params["charset"]):
		return 0, unknownType(fmt.Sprintf("The Content-Type %.100q is not supported. The body must be JSON in UTF-8, with the header Content-Type: application/json; or one event a line, with application/x-ndjson; or CloudEvents.", value))
	default:
		return found, nil
	}
}

// oneType returns the media type of a header that has it several times, as some
// proxies and clients write it. Different types are returned as they are, which is
// not a media type.
func oneType(values []string) string {
	all := strings.Join(values, ",")
	first, rest, several := strings.Cut(all, ",")
	for several {
		var other string
		other, rest, several = strings.Cut(rest, ",")
		if !strings.EqualFold(strings.TrimSpace(other), strings.TrimSpace(first)) {
			return all
		}
	}
	return first
}

func unknownType(detail string) error {
	return &respond.Error{
		Status: http.StatusUnsupportedMediaType, Detail: detail, Header: "Accept-Post",
		Value: strings.Join([]string{api.TypeJSON, api.TypeLines, api.TypeCloudEvent, api.TypeCloudEvents}, ", "),
	}
}

func isUTF8(charset string) bool {
	charset = strings.Trim(charset, "'")
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8") ||
		strings.EqualFold(charset, "us-ascii")
}
