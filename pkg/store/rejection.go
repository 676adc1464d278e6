package store

import "context"

// rejectionsKey is the context key of the function that receives rejections.
type rejectionsKey struct{}

// WithRejections returns a context for appends of a caller that needs the reason
// of each [event.Rejected]. Before the append returns, it calls report in the
// same goroutine with the event's index in the append and the reason. If no
// reason is known, report is not called.
//
// An outcome is a plain number so that an append does not allocate per event.
// Rejections are rare and can cost more.
func WithRejections(ctx context.Context, report func(index int, reason error)) context.Context {
	return context.WithValue(ctx, rejectionsKey{}, report)
}

// ReportRejection reports the reason of an [event.Rejected] to the caller of the
// append, if ctx came from [WithRejections].
func ReportRejection(ctx context.Context, index int, reason error) {
	if report, ok := ctx.Value(rejectionsKey{}).(func(int, error)); ok {
		report(index, reason)
	}
}
