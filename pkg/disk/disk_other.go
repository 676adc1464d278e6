//go:build !linux

package disk

// Of returns [ErrUnsupported].
func Of(string) (Usage, error) { return Usage{}, ErrUnsupported }
