// Package sampling keeps floods of equal log records short. It is internal to
// eventagg.
//
//	slog.Logger ──▶ Handler ──first at once, the rest as one record──▶ slog.TextHandler
//
// A sender whose every event is rejected causes the same record thousands of
// times a second. The packages below log each occurrence, and the [Handler] in
// front of the output decides what is written.
package sampling
