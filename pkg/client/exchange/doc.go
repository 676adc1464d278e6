// Package exchange sends HTTP requests over one connection and reads their
// answers, one after the other, at the price of two system calls and a wait.
//
//	conn := exchange.New(dialed)
//	answer, err := conn.Exchange([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 1<<20)
//
// A load generator does little else, so that price decides how much of the
// machine is left to the server that is measured. With one event a request, a
// Write and a parsing Read of a [net.Conn] make the whole of it a third dearer:
//
//   - The first Read after a Write finds nothing, as the answer can't be there
//     yet. Here nobody reads before the runtime's poller has seen something.
//   - The runtime must be told of every system call that might block, and when
//     one takes over 20 µs, as with a busy server beside it on the same cores,
//     it wakes another thread to go on meanwhile. Calls that never block
//     (MSG_DONTWAIT) need no such care.
//   - Most answers look alike, and are recognised without taking them apart.
//
// That is for TCP on Unix, the second on Linux alone. Elsewhere, and over TLS,
// an exchange is a Write and Reads.
package exchange
