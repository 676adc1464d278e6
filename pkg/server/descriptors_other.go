//go:build !unix

package server

// DescriptorLimit returns 0: there is no limit.
func DescriptorLimit() int { return 0 }
