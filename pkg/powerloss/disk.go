package powerloss

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Options configure a Disk. The zero value is an honest disk that loses everything that
// was not synced.
type Options struct {
	// Seed decides what survives of the changes that were not synced. 0: nothing.
	Seed uint64
	// IgnoreSync makes fsync do nothing, as a disk does whose cache is lost with the
	// power.
	IgnoreSync bool
	// StrictNames makes a new name durable only with an fsync of its folder.
	StrictNames bool
}

// Disk is a file system in memory that can lose power. It is safe for concurrent use.
// Errors are of type [syscall.Errno]. After the power loss each change fails with EIO.
type Disk struct {
	options Options

	mu        sync.Mutex
	root      *node
	pending   []rename   // changes of names that are not durable, oldest first
	random    *rand.Rand // nil: nothing survives
	countdown int        // changes until the power is cut; 0: not armed
	off       bool
	cut       chan struct{} // closed when off becomes true
	syncs     int
	numbers   uint64 // inode numbers in use
}

// node is a file or a folder.
type node struct {
	file
	folder     bool
	mode       uint32 // permissions
	uid, gid   uint32
	modified   time.Time
	number     uint64           // of the inode, 0 until the kernel needs it
	links      int              // of a file
	names      map[string]*node // of a folder, as programs see it
	syncedName map[string]*node // of a folder, on the disk
}

// entry is one name in a folder. Its node is nil if the name is removed.
type entry struct {
	folder *node
	name   string
	node   *node
}

// rename is one change of names: of one name, or of two in a move, which is atomic.
type rename []entry

func (r rename) touches(folders map[*node]bool) bool {
	for _, e := range r {
		if folders[e.folder] {
			return true
		}
	}
	return false
}

func (r rename) apply() {
	for _, e := range r {
		if e.node == nil {
			delete(e.folder.syncedName, e.name)
		} else {
			e.folder.syncedName[e.name] = e.node
		}
	}
}

// New returns an empty disk.
func New(options Options) *Disk {
	d := &Disk{options: options, root: newNode(true, 0o755, 0, 0), cut: make(chan struct{})}
	if options.Seed != 0 {
		d.random = rand.New(rand.NewPCG(options.Seed, 0)) //nolint:gosec // reproducible
	}
	return d
}

func newNode(folder bool, mode, uid, gid uint32) *node {
	n := &node{folder: folder, mode: mode, uid: uid, gid: gid, modified: time.Now(), links: 1}
	if folder {
		n.names, n.syncedName = map[string]*node{}, map[string]*node{}
	}
	return n
}

// Load copies a real folder, with owners and permissions. The copy is durable. It is for
// a disk that is not in use yet.
func (d *Disk) Load(folder string) error {
	nodes := map[string]*node{}
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		n, err := load(path, entry)
		if err != nil {
			return fmt.Errorf("load %s: %w", path, err)
		}
		nodes[path] = n
		if parent := nodes[filepath.Dir(path)]; parent != nil {
			parent.names[entry.Name()], parent.syncedName[entry.Name()] = n, n
		} else {
			d.root = n
		}
		return nil
	})
}

func load(path string, entry fs.DirEntry) (*node, error) {
	info, err := entry.Info()
	if err != nil {
		return nil, err
	}
	n := newNode(info.IsDir(), uint32(info.Mode().Perm()), 0, 0)
	n.uid, n.gid = owner(info)
	n.modified = info.ModTime()
	if n.folder {
		return n, nil
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("unsupported kind of file: %v", info.Mode())
	}
	data, err := os.ReadFile(path)
	n.write(data, 0)
	n.sync()
	return n, err
}

// CutAfter cuts the power at the given number of changes from now: writes, syncs,
// truncations and changes of names. That change fails.
func (d *Disk) CutAfter(changes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.countdown = changes
}

// Off is closed when the power is cut.
func (d *Disk) Off() <-chan struct{} { return d.cut }

// Syncs returns how often a program has synced a file or a folder.
func (d *Disk) Syncs() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

// Cut cuts the power, if it is still on, and returns the disk as it is afterwards. The
// new disk has the given options; what survived was decided by those of the old one.
func (d *Disk) Cut(options Options) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.powerOff()
	var random *rand.Rand
	if d.random != nil && d.random.IntN(3) > 0 {
		random = d.random
		for _, change := range d.pending[:random.IntN(len(d.pending)+1)] {
			change.apply()
		}
	}
	after := New(options)
	after.root = survivor(d.root, random, map[*node]*node{})
	return after
}

// survivor returns what is on the disk of a file or folder. A file can have two names.
func survivor(n *node, random *rand.Rand, known map[*node]*node) *node {
	if copied := known[n]; copied != nil {
		copied.links++
		return copied
	}
	copied := newNode(n.folder, n.mode, n.uid, n.gid)
	known[n] = copied
	copied.modified = n.modified
	if n.folder {
		for name, child := range n.syncedName {
			copied.names[name] = survivor(child, random, known)
		}
		copied.syncedName = maps.Clone(copied.names)
		return copied
	}
	copied.durable = n.survivors(random)
	copied.current = content{size: copied.durable.size, blocks: append([]*block(nil), copied.durable.blocks...)}
	return copied
}

func (d *Disk) powerOff() {
	if !d.off {
		d.off = true
		close(d.cut)
	}
}

// beginChange counts a change. It fails if the power is off or goes off now. The caller
// holds the lock.
func (d *Disk) beginChange() error {
	if d.countdown > 0 {
		d.countdown--
		if d.countdown == 0 {
			d.powerOff()
		}
	}
	if d.off {
		return syscall.EIO
	}
	return nil
}

func (d *Disk) write(n *node, data []byte, offset int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.beginChange(); err != nil {
		return err
	}
	n.write(data, offset)
	n.modified = time.Now()
	if d.random != nil && len(data) > 0 && d.random.IntN(16) == 0 {
		n.writeBack(int(offset/blockSize), d.random)
	}
	return nil
}

func (d *Disk) truncate(n *node, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.beginChange(); err != nil {
		return err
	}
	n.truncate(size)
	n.modified = time.Now()
	return nil
}

// sync makes a file, or the names in a folder, durable.
func (d *Disk) sync(n *node) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.beginChange(); err != nil {
		return err
	}
	d.syncs++
	switch {
	case d.options.IgnoreSync:
	case n.folder:
		d.syncNames(map[*node]bool{n: true})
	default:
		n.sync()
		if !d.options.StrictNames {
			d.syncNames(d.foldersOf(n))
		}
	}
	return nil
}

// foldersOf returns the folders with a name of the node that is not durable, and their
// parents that are not.
func (d *Disk) foldersOf(n *node) map[*node]bool {
	nodes, folders := map[*node]bool{n: true}, map[*node]bool{}
	for _, change := range slices.Backward(d.pending) { // a parent is created before its child
		for _, e := range change {
			if nodes[e.node] {
				nodes[e.folder], folders[e.folder] = true, true
			}
		}
	}
	return folders
}

// syncNames makes the names in folders durable. A move is durable as a whole: it
// includes the other folder.
func (d *Disk) syncNames(folders map[*node]bool) {
	for before := -1; before != len(folders); {
		before = len(folders)
		for _, change := range d.pending {
			if change.touches(folders) {
				for _, e := range change {
					folders[e.folder] = true
				}
			}
		}
	}
	rest := d.pending[:0]
	for _, change := range d.pending {
		if change.touches(folders) {
			change.apply()
		} else {
			rest = append(rest, change)
		}
	}
	d.pending = rest
}
