package disk

import (
	"fmt"
	"syscall"
)

// fileSystem is the name and the kind of a file system.
type fileSystem struct {
	name string
	kind Kind
}

// fileSystems are the file systems with a meaning of their own, by the number that
// statfs(2) returns. All others are local.
func fileSystems() map[uint32]fileSystem {
	return map[uint32]fileSystem{
		0x6969:     {"nfs", Network},
		0xff534d42: {"cifs", Network},
		0xfe534d42: {"smb", Network},
		0x517b:     {"smb", Network},
		0x01021997: {"9p", Network},
		0x00c36400: {"ceph", Network},
		0x5346414f: {"afs", Network},
		0x6b414653: {"afs", Network},
		0x0bd00bd0: {"lustre", Network},
		0x47504653: {"gpfs", Network},
		0x01021994: {"tmpfs", Memory},
		0x858458f6: {"ramfs", Memory},
		0x794c7630: {"overlay", Container},
		0x61756673: {"aufs", Container},
		0x65735546: {"fuse", UserSpace},
		0xef53:     {"ext4", Local},
		0x58465342: {"xfs", Local},
		0x9123683e: {"btrfs", Local},
		0x2fc12fc1: {"zfs", Local},
	}
}

// Of returns the file system of a file or folder. It does not open the file.
func Of(path string) (Usage, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return Usage{}, fmt.Errorf("find the file system of %s: %w", path, err)
	}
	block := int64(stat.Bsize) //nolint:unconvert // has another type on some systems
	found, ok := fileSystems()[uint32(stat.Type)]
	if !ok {
		found = fileSystem{kind: Local}
	}
	return Usage{Name: found.name, Kind: found.kind, Free: int64(stat.Bavail) * block, Total: int64(stat.Blocks) * block}, nil
}
