package powerloss

import (
	"maps"
	"slices"
	"syscall"
	"time"
)

func (d *Disk) lookup(folder *node, name string) (*node, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := folder.names[name]; n != nil {
		return n, nil
	}
	return nil, syscall.ENOENT
}

// list returns the names in a folder, in order.
func (d *Disk) list(folder *node) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(folder.names))
}

// create adds a file or folder.
func (d *Disk) create(folder *node, name string, n *node) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if folder.names[name] != nil {
		return syscall.EEXIST
	}
	if err := d.beginChange(); err != nil {
		return err
	}
	d.change(rename{{folder, name, n}})
	return nil
}

// link adds another name of a file.
func (d *Disk) link(n, folder *node, name string) error {
	if err := d.create(folder, name, n); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n.links++
	return nil
}

// remove removes the name of a file or of an empty folder.
func (d *Disk) remove(folder *node, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := folder.names[name]
	switch {
	case n == nil:
		return syscall.ENOENT
	case len(n.names) > 0:
		return syscall.ENOTEMPTY
	}
	if err := d.beginChange(); err != nil {
		return err
	}
	n.links--
	d.change(rename{{folder, name, nil}})
	return nil
}

// move gives a file or folder another name, and replaces what has that name.
func (d *Disk) move(folder *node, name string, newFolder *node, newName string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, replaced := folder.names[name], newFolder.names[newName]
	switch {
	case n == nil:
		return syscall.ENOENT
	case n == replaced:
		return nil
	case replaced != nil && len(replaced.names) > 0:
		return syscall.ENOTEMPTY
	}
	if err := d.beginChange(); err != nil {
		return err
	}
	if replaced != nil {
		replaced.links--
	}
	d.change(rename{{folder, name, nil}, {newFolder, newName, n}})
	return nil
}

// change applies a change of names that is not durable yet.
func (d *Disk) change(change rename) {
	for _, e := range change {
		if e.node == nil {
			delete(e.folder.names, e.name)
		} else {
			e.folder.names[e.name] = e.node
		}
		e.folder.modified = time.Now()
	}
	d.pending = append(d.pending, change)
}
