//go:build !unix

package server

// descriptorLimit returns 0: there is no limit.
func descriptorLimit() int { return 0 }
