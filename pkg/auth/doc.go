// Package auth decides what a client may do. It has API keys and the keys file, the
// identity of the client of a request, and the limits of its rate. Programs need only
// [Key], for package client; everything else is internal to eventagg.
//
//   - key.go: the format of keys and their hashes;
//   - keysfile.go, keysparts.go, set.go, changes.go: the keys file, and the lookup of a key;
//   - identity.go, scope.go, topics.go, proxy.go: which client it is, and its rights;
//   - limiter.go: the events and bytes of each client;
//   - failures.go: the invalid keys of each address;
//   - recent.go: the map with which both forget clients.
package auth
