// Package watch loads files again when they change: certificates and API keys are
// replaced without a restart.
//
// It reads the files every 15 seconds and compares their contents. Notifications of the
// file system do not work everywhere: Kubernetes replaces a link to a folder instead of
// the file. Signals do not either: a container without a shell can't send one. SIGHUP is
// for operators who do not want to wait. The package is internal to eventagg.
package watch
