package store

import "context"

// rejectionsKey finds in a context who is told of rejections.
type rejectionsKey struct{}

// WithRejections returns a context for appends of a caller who wants to know
// more of an [event.Rejected] than that it is one: tell is called with the
// event's index in the append and the reason, before the append returns. It is
// called only by those who know a reason, in the goroutine of the append.
//
// An outcome is a number so that an append costs nothing for each of its events;
// this is the way for the few that are more to tell.
func WithRejections(ctx context.Context, tell func(index int, reason error)) context.Context {
	return context.WithValue(ctx, rejectionsKey{}, tell)
}

// ReportRejection says why an event is answered [event.Rejected], if anybody
// wants to know.
func ReportRejection(ctx context.Context, index int, reason error) {
	if tell, ok := ctx.Value(rejectionsKey{}).(func(int, error)); ok {
		tell(index, reason)
	}
}
