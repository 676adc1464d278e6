package server

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// preferences are what a client asks for with RFC 7240's Prefer. What is not
// understood is passed over, as the RFC wants it.
type preferences struct {
	// minimal is return=minimal: an answer without what the client knows.
	minimal bool
	// async is respond-async: safely queued is enough.
	async bool
	// wait is wait=SECONDS: the store's own answer, or none, within that time.
	// It beats async.
	wait time.Duration
}

// maxWait is the longest wait that a client can ask for. The appender's own
// bounds are shorter.
const maxWait = time.Hour

func preferencesOf(header http.Header) preferences {
	var p preferences
	for _, value := range header["Prefer"] {
		for preference := range strings.SplitSeq(value, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, choice, _ := strings.Cut(preference, "=")
			choice = strings.Trim(strings.TrimSpace(choice), `"`)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "return":
				p.minimal = p.minimal || strings.EqualFold(choice, "minimal")
			case "respond-async":
				p.async = true
			case "wait":
				seconds, err := strconv.ParseUint(choice, 10, 32)
				if err == nil && seconds > 0 && p.wait == 0 { // the first one counts
					p.wait = min(time.Duration(seconds)*time.Second, maxWait)
				}
			}
		}
	}
	return p
}

// tell names in an answer's head which preferences it follows.
func (p preferences) tell(header http.Header, queued bool) {
	if p.minimal {
		header.Add("Preference-Applied", "return=minimal")
	}
	if p.async && queued {
		header.Add("Preference-Applied", "respond-async")
	}
}
