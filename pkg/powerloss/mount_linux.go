package powerloss

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// unmountTimeout is the maximum time for programs to close their files.
const unmountTimeout = 20 * time.Second

// Mount makes the disk available in a folder, until unmount is called. Programs must
// close their files: unmount waits up to 20 seconds for that. It needs /dev/fuse, and root or fusermount3.
//
// The process that mounts the disk must not map its files: a page fault would wait for
// the process itself.
func (d *Disk) Mount(folder string) (unmount func() error, err error) {
	forever := time.Hour // only the kernel changes names and sizes
	root := os.Geteuid() == 0
	if root { // no process starts meanwhile, which would inherit the connection
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	server, err := fs.Mount(folder, &inode{disk: d, node: d.root}, &fs.Options{
		EntryTimeout: &forever, AttrTimeout: &forever, NullPermissions: true,
		MountOptions: fuse.MountOptions{
			AllowOther: root, DirectMountStrict: root, DisableXAttrs: true, Options: []string{"default_permissions"},
			FsName: "powerloss", Name: "powerloss", MaxWrite: 1 << 20,
		},
	})
	if err != nil {
		return nil, err
	}
	closeOnExec()
	return func() error { return unmountWhenFree(server) }, nil
}

// closeOnExec keeps the connections to the kernel from the processes that this one starts.
// Otherwise these would wait for ever on the file system when this process ends.
func closeOnExec() {
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		target, err := os.Readlink(link)
		number, errNumber := strconv.Atoi(filepath.Base(link))
		if err == nil && errNumber == nil && target == "/dev/fuse" {
			syscall.CloseOnExec(number)
		}
	}
}

// unmountWhenFree waits until the kernel has closed the files of killed programs, which
// takes up to a second on a busy machine.
func unmountWhenFree(server *fuse.Server) error {
	for deadline := time.Now().Add(unmountTimeout); ; {
		err := server.Unmount() // tries for 0.3 s
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// inode connects a file or folder of a disk with the kernel.
type inode struct {
	fs.Inode
	disk *Disk
	node *node
}

var (
	_ fs.NodeLookuper  = (*inode)(nil)
	_ fs.NodeReaddirer = (*inode)(nil)
	_ fs.NodeCreater   = (*inode)(nil)
	_ fs.NodeMkdirer   = (*inode)(nil)
	_ fs.NodeLinker    = (*inode)(nil)
	_ fs.NodeUnlinker  = (*inode)(nil)
	_ fs.NodeRmdirer   = (*inode)(nil)
	_ fs.NodeRenamer   = (*inode)(nil)
	_ fs.NodeGetattrer = (*inode)(nil)
	_ fs.NodeSetattrer = (*inode)(nil)
	_ fs.NodeOpener    = (*inode)(nil)
	_ fs.NodeReader    = (*inode)(nil)
	_ fs.NodeWriter    = (*inode)(nil)
	_ fs.NodeFsyncer   = (*inode)(nil)
	_ fs.NodeStatfser  = (*inode)(nil)
)

// errno returns the number of an error of Disk.
func errno(err error) syscall.Errno {
	var number syscall.Errno
	if err != nil && !errors.As(err, &number) {
		return syscall.EIO
	}
	return number
}

// child returns the inode of a node. The kernel gets the same inode for all names.
func (i *inode) child(ctx context.Context, n *node, out *fuse.EntryOut) *fs.Inode {
	i.disk.attributes(n, &out.Attr)
	return i.NewInode(ctx, &inode{disk: i.disk, node: n}, fs.StableAttr{Mode: n.kind(), Ino: i.disk.number(n)})
}

// Lookup finds a name in a folder.
func (i *inode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n, err := i.disk.lookup(i.node, name)
	if err != nil {
		return nil, errno(err)
	}
	return i.child(ctx, n, out), 0
}

// Readdir lists a folder.
func (i *inode) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	var entries []fuse.DirEntry
	for _, name := range i.disk.list(i.node) {
		if n, err := i.disk.lookup(i.node, name); err == nil {
			entries = append(entries, fuse.DirEntry{Name: name, Mode: n.kind(), Ino: i.disk.number(n)})
		}
	}
	return fs.NewListDirStream(entries), 0
}

// add creates a file or folder of the user that calls.
func (i *inode) add(ctx context.Context, name string, folder bool, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n := newNode(folder, mode&0o7777, 0, 0)
	if caller, ok := fuse.FromContext(ctx); ok {
		n.uid, n.gid = caller.Uid, caller.Gid
	}
	if err := i.disk.create(i.node, name, n); err != nil {
		return nil, errno(err)
	}
	return i.child(ctx, n, out), 0
}

// Create creates a file and opens it.
func (i *inode) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	created, err := i.add(ctx, name, false, mode, out)
	return created, nil, fuse.FOPEN_KEEP_CACHE, err
}

// Mkdir creates a folder.
func (i *inode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return i.add(ctx, name, true, mode, out)
}

// Link adds another name of a file.
func (i *inode) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	other, ok := target.(*inode)
	if !ok {
		return nil, syscall.EXDEV
	}
	if err := i.disk.link(other.node, i.node, name); err != nil {
		return nil, errno(err)
	}
	return i.child(ctx, other.node, out), 0
}

// Unlink removes the name of a file.
func (i *inode) Unlink(_ context.Context, name string) syscall.Errno {
	return errno(i.disk.remove(i.node, name))
}

// Rmdir removes an empty folder.
func (i *inode) Rmdir(_ context.Context, name string) syscall.Errno {
	return errno(i.disk.remove(i.node, name))
}

// Rename changes a name, and replaces what has the new name.
func (i *inode) Rename(_ context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	parent, ok := newParent.(*inode)
	if !ok || flags != 0 {
		return syscall.EINVAL // exchanging names is not supported
	}
	return errno(i.disk.move(i.node, name, parent.node, newName))
}

// Getattr returns size, owner, permissions and time.
func (i *inode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	i.disk.attributes(i.node, &out.Attr)
	return 0
}

// Setattr truncates a file, or changes owner, permissions or time.
func (i *inode) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if err := i.disk.truncate(i.node, int64(size)); err != nil {
			return errno(err)
		}
	}
	i.disk.setAttributes(i.node, in)
	i.disk.attributes(i.node, &out.Attr)
	return 0
}

// Open opens a file. It needs no handle.
func (i *inode) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Read reads what was written last, synced or not.
func (i *inode) Read(_ context.Context, _ fs.FileHandle, data []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	i.disk.mu.Lock()
	defer i.disk.mu.Unlock()
	return fuse.ReadResultData(data[:i.node.read(data, offset)]), 0
}

// Write changes a file. The change is not durable.
func (i *inode) Write(_ context.Context, _ fs.FileHandle, data []byte, offset int64) (uint32, syscall.Errno) {
	if err := i.disk.write(i.node, data, offset); err != nil {
		return 0, errno(err)
	}
	return uint32(len(data)), 0
}

// Fsync makes a file, or the names in a folder, durable.
func (i *inode) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return errno(i.disk.sync(i.node))
}

// Statfs reports enough free space for a small database.
func (i *inode) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	const blocks = 4 << 20 // 16 GiB
	out.Bsize, out.Frsize, out.NameLen = blockSize, blockSize, 255
	out.Blocks, out.Bfree, out.Bavail = blocks, blocks, blocks
	out.Files, out.Ffree = blocks, blocks
	return 0
}

func (n *node) kind() uint32 {
	if n.folder {
		return syscall.S_IFDIR
	}
	return syscall.S_IFREG
}

// number returns the inode number of a node.
func (d *Disk) number(n *node) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n.number == 0 {
		d.numbers++
		n.number = d.numbers + 1 // 1 is the root
	}
	return n.number
}

func (d *Disk) attributes(n *node, out *fuse.Attr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out.Mode, out.Uid, out.Gid = n.kind()|n.mode, n.uid, n.gid
	out.Nlink, out.Size = uint32(max(n.links, 0)), uint64(n.current.size)
	out.Blocks, out.Blksize = uint64(len(n.current.blocks))*(blockSize/512), blockSize
	out.SetTimes(&n.modified, &n.modified, &n.modified)
}

func (d *Disk) setAttributes(n *node, in *fuse.SetAttrIn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if mode, ok := in.GetMode(); ok {
		n.mode = mode & 0o7777
	}
	if uid, ok := in.GetUID(); ok {
		n.uid = uid
	}
	if gid, ok := in.GetGID(); ok {
		n.gid = gid
	}
	if modified, ok := in.GetMTime(); ok {
		n.modified = modified
	}
}
