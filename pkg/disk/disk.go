package disk

import "errors"

// Kind is what a file system means for data that was synced to it.
type Kind string

// The kinds of file systems.
const (
	// Local is a file system on a device of this machine, or one that is not known.
	Local Kind = "local"
	// Network is a file system of another machine. Its locks and its fsync depend on
	// that machine and on mount options.
	Network Kind = "network"
	// Memory is a file system without a device. A restart of the machine empties it.
	Memory Kind = "memory"
	// Container is the writable layer of a container. It is deleted with the container.
	Container Kind = "container"
	// UserSpace is a file system of a program (FUSE), such as sshfs or GlusterFS.
	UserSpace Kind = "user space"
)

// Usage describes a file system.
type Usage struct {
	// Name is the name of the file system, such as nfs; empty if it is not known.
	Name string
	// Kind is what the file system means for synced data.
	Kind Kind
	// Free is the number of bytes that a user other than root can still write. Total is
	// the size of the file system in bytes.
	Free, Total int64
}

// ErrUnsupported means that the operating system has no such information.
var ErrUnsupported = errors.New("not available on this operating system")
