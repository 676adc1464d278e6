// Package fair divides what all clients of a server share, so that none of them can
// take everything: memory, connections, and slots for slow reads.
package fair
