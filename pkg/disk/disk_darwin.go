package disk

import (
	"fmt"
	"syscall"
)

// Of returns the file system of a file or folder. It does not open the file.
func Of(path string) (Usage, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return Usage{}, fmt.Errorf("find the file system of %s: %w", path, err)
	}
	var name []byte
	for _, c := range stat.Fstypename {
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	kinds := map[string]Kind{"nfs": Network, "smbfs": Network, "afpfs": Network, "webdav": Network, "tmpfs": Memory, "macfuse": UserSpace, "osxfuse": UserSpace}
	kind, ok := kinds[string(name)]
	if !ok {
		kind = Local
	}
	block := int64(stat.Bsize)
	return Usage{Name: string(name), Kind: kind, Free: int64(stat.Bavail) * block, Total: int64(stat.Blocks) * block}, nil
}
