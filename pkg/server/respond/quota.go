package respond

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
)

// quotaProblem is the response to a client that sends faster than its limits.
func quotaProblem(err *auth.QuotaError) api.Problem {
	problem := newProblem(rule{
		status: http.StatusTooManyRequests, kind: api.ProblemQuota, title: "Quota exceeded",
		detail: "This client sends faster than its limits (limits.events, limits.bytes, or those of its key). " +
			"Nothing of this request was stored; send it again after the time in Retry-After.",
	}, nil)
	for _, quota := range err.Exceeded {
		problem.ViolatedPolicies = append(problem.ViolatedPolicies, quota.Name)
	}
	return problem
}

// Names of header fields, in net/http's canonical form.
const (
	headerRetryAfter = "Retry-After"
	headerRateLimit  = "Ratelimit"
	headerPolicy     = "Ratelimit-Policy"
)

// setQuota sets the header fields of a 429. RateLimit and RateLimit-Policy are those of
// draft-ietf-httpapi-ratelimit-headers-11: lists of names with q (quota), w (window in
// seconds), qu (unit), and r (what is left), t (seconds until there is enough).
func setQuota(header http.Header, err *auth.QuotaError) {
	setRetryAfter(header, err.RetryAfter)
	policies, left := make([]string, 0, 2), make([]string, 0, len(err.Exceeded))
	if err.Limits.Events > 0 {
		policies = append(policies, `"`+auth.QuotaEvents+`";q=`+strconv.FormatInt(err.Limits.Events, 10)+";w=1")
	}
	if err.Limits.Bytes > 0 {
		policies = append(policies, `"`+auth.QuotaBytes+`";q=`+strconv.FormatInt(err.Limits.Bytes, 10)+`;w=1;qu="content-bytes"`)
	}
	for _, quota := range err.Exceeded {
		left = append(left, `"`+quota.Name+`";r=`+strconv.FormatInt(quota.Left, 10)+";t="+wholeSeconds(quota.Wait))
	}
	header.Set(headerPolicy, strings.Join(policies, ", "))
	header.Set(headerRateLimit, strings.Join(left, ", "))
}

// FollowersError reports that a client has as many event streams as it may have.
type FollowersError struct{ Limit int }

// Error names the limit.
func (e *FollowersError) Error() string {
	return "follow events: the client has " + strconv.Itoa(e.Limit) + " event streams"
}

// followersProblem is the response to a client with too many event streams.
func followersProblem(err *FollowersError) api.Problem {
	problem := newProblem(rule{
		status: http.StatusTooManyRequests, kind: api.ProblemQuota, title: "Quota exceeded",
		detail: "This client has " + strconv.Itoa(err.Limit) + " event streams open, as many as http.max_followers_per_client allows. " +
			"Close some, or try again later.",
	}, nil)
	problem.ViolatedPolicies = []string{"followers"}
	return problem
}

// followersRetry is when a client with too many event streams should try again.
const followersRetry = 10 * time.Second

// setFollowers sets the header fields of such a 429.
func setFollowers(header http.Header, err *FollowersError) {
	setRetryAfter(header, followersRetry)
	header.Set(headerPolicy, `"followers";q=`+strconv.Itoa(err.Limit)+`;qu="concurrent-requests"`)
}

// setRetryAfter sets the header field Retry-After.
func setRetryAfter(header http.Header, wait time.Duration) {
	header.Set(headerRetryAfter, wholeSeconds(wait))
}

// wholeSeconds returns a time in whole seconds, at least 1. It rounds up, so that a
// client that waits never retries too early.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64(math.Ceil(d.Seconds()))), 10)
}
