// Command exhaustion lets a few clients try to use up the resources of a running eventagg:
// memory, connections, CPU and the table of topics. They run at the same time, beside one
// well-behaved sender. scripts/exhaust builds and runs it.
//
// Each client address is one of 127.0.0.0/8, so that the server sees different clients.
// It measures the resident memory of the server (VmRSS in /proc), and the latency and the
// results of the well-behaved sender from the scheduled time of each event. It draws
// both over time, with the attacks marked. It exits with 1 if the server used more memory
// than allowed, lost an event that it accepted, or did not store the events of the sender
// in time.
package main
