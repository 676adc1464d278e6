package publish

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// preferences are what a client asks for with the header Prefer (RFC 7240). As
// the RFC demands, unknown preferences are ignored.
type preferences struct {
	// minimal is return=minimal: a response without what the client knows already.
	minimal bool
	// representation is return=representation: the response to a duplicate says when and
	// where the stored event was stored.
	representation bool
	// strict is handling=strict: all events of a batch are stored, or none is.
	strict bool
	// lenient is handling=lenient: a batch with invalid events is a 200, for
	// clients that send everything again after any other status.
	lenient bool
	// reply asks for a 2xx without a body. Knative takes any body that is not a
	// CloudEvent for a failure.
	reply bool
	// async is respond-async: it is enough if the event is queued durably.
	async bool
	// wait is wait=SECONDS: the store's own result within that time, or none. It
	// overrides async.
	wait time.Duration
}

// maxPreferredWait is the longest wait that a client can ask for. The limits of
// the appender are shorter.
const maxPreferredWait = time.Hour

// parsePreferences reads the header. If it asks for both kinds of handling, strict
// counts: it never stores what the client may not want.
func parsePreferences(header http.Header) preferences {
	var p preferences
	for _, value := range header["Prefer"] {
		for preference := range strings.SplitSeq(value, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, choice, _ := strings.Cut(preference, "=")
			choice = strings.Trim(strings.TrimSpace(choice), `"`)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "return":
				p.minimal = p.minimal || strings.EqualFold(choice, "minimal")
				p.representation = p.representation || strings.EqualFold(choice, "representation")
			case "handling":
				p.strict = p.strict || strings.EqualFold(choice, "strict")
				p.lenient = p.lenient || strings.EqualFold(choice, "lenient")
			case "reply":
				p.reply = true
			case "respond-async":
				p.async = true
			case "wait":
				seconds, err := strconv.ParseUint(choice, 10, 32)
				if err == nil && seconds > 0 && p.wait == 0 { // the first one counts
					p.wait = min(time.Duration(seconds)*time.Second, maxPreferredWait)
				}
			}
		}
	}
	p.lenient = p.lenient && !p.strict
	return p
}

// setApplied names in the header of a response which preferences were applied.
func (p preferences) setApplied(header http.Header, queued bool) {
	if p.minimal {
		header.Add("Preference-Applied", "return=minimal")
	}
	if p.strict {
		header.Add("Preference-Applied", "handling=strict")
	}
	if p.lenient {
		header.Add("Preference-Applied", "handling=lenient")
	}
	if p.async && queued {
		header.Add("Preference-Applied", "respond-async")
	}
}
