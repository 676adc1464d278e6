// Package watch loads files again when they change: certificates and API keys are
// replaced without a restart.
//
// It compares the contents, not the times of the files. Kubernetes replaces a link to a
// folder instead of a file, and a container without a shell can't send a signal to its
// program, so a look every 15 seconds works everywhere. SIGHUP makes it look at once.
package watch
