// Package fair divides the shared resources of a server among its clients: memory,
// connections, and slots for slow reads. One client can never take all of them. It is
// internal to eventagg.
package fair
