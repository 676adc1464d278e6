//go:build !linux && !darwin

package disk

// Of returns [ErrUnsupported].
func Of(string) (Usage, error) { return Usage{}, ErrUnsupported }
