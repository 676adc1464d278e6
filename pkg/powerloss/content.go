package powerloss

import "math/rand/v2"

const (
	// blockSize is the unit in which files are kept. It is the page size of the kernel.
	blockSize = 4096
	// sectorSize is the largest unit that a disk writes as a whole.
	sectorSize = 512
)

type block [blockSize]byte

// content is the data of a file. A nil block contains zeros.
type content struct {
	size   int64
	blocks []*block
}

// block returns a block to read. It is new if it was never written.
func (c *content) block(i int) *block {
	if i >= len(c.blocks) || c.blocks[i] == nil {
		return new(block)
	}
	return c.blocks[i]
}

func (c *content) setBlock(i int, b *block) {
	for len(c.blocks) <= i {
		c.blocks = append(c.blocks, nil)
	}
	c.blocks[i] = b
}

// file is a file as programs see it, and as it is on the disk. Both share the blocks that
// are equal.
type file struct {
	current, durable content
	unsynced         map[int]bool // numbers of the blocks that differ
}

// read copies data at an offset and returns the number of bytes.
func (f *file) read(data []byte, offset int64) int {
	done := 0
	for done < len(data) && offset < f.current.size {
		at := int(offset % blockSize)
		length := min(len(data)-done, blockSize-at, int(f.current.size-offset))
		copy(data[done:done+length], f.current.block(int(offset / blockSize))[at:])
		done += length
		offset += int64(length)
	}
	return done
}

func (f *file) write(data []byte, offset int64) {
	f.current.size = max(f.current.size, offset+int64(len(data)))
	for len(data) > 0 {
		b := f.change(int(offset / blockSize))
		written := copy(b[offset%blockSize:], data)
		data = data[written:]
		offset += int64(written)
	}
}

// change returns a block that is not shared with the disk.
func (f *file) change(i int) *block {
	if f.unsynced[i] && i < len(f.current.blocks) && f.current.blocks[i] != nil {
		return f.current.blocks[i]
	}
	b := *f.current.block(i)
	f.current.setBlock(i, &b)
	f.markUnsynced(i)
	return &b
}

func (f *file) markUnsynced(i int) {
	if f.unsynced == nil {
		f.unsynced = map[int]bool{}
	}
	f.unsynced[i] = true
}

// truncate sets the size. New bytes are zeros.
func (f *file) truncate(size int64) {
	if size < f.current.size {
		first := int((size + blockSize - 1) / blockSize)
		for i := first; i < len(f.current.blocks); i++ {
			f.markUnsynced(i)
		}
		f.current.blocks = f.current.blocks[:min(first, len(f.current.blocks))]
		if at := size % blockSize; at > 0 {
			clear(f.change(int(size / blockSize))[at:])
		}
	}
	f.current.size = size
}

// sync makes the content durable.
func (f *file) sync() {
	for i := range f.unsynced {
		if i < len(f.current.blocks) {
			f.durable.setBlock(i, f.current.blocks[i])
		}
	}
	f.durable.size = f.current.size
	f.durable.blocks = f.durable.blocks[:min(len(f.durable.blocks), len(f.current.blocks))]
	clear(f.unsynced)
}

// writeBack makes some sectors of one block durable, as the kernel does at any time. The
// size on the disk grows with them.
func (f *file) writeBack(i int, random *rand.Rand) {
	mixed := mix(f.durable.block(i), f.current.block(i), random)
	f.durable.setBlock(i, mixed)
	f.durable.size = max(f.durable.size, min(f.current.size, int64(i+1)*blockSize))
}

// survivors returns what is on the disk after a power loss. Without random nothing that
// was not synced survives.
func (f *file) survivors(random *rand.Rand) content {
	result := content{size: f.durable.size, blocks: append([]*block(nil), f.durable.blocks...)}
	if random == nil {
		return result
	}
	keep := random.IntN(3) // none, some, all
	if random.IntN(2) == 0 {
		result.size = f.current.size
	}
	for i := range f.unsynced {
		if int64(i)*blockSize >= f.current.size {
			continue // an old block behind the new end
		}
		switch keep {
		case 1:
			result.setBlock(i, mix(f.durable.block(i), f.current.block(i), random))
		case 2:
			b := *f.current.block(i)
			result.setBlock(i, &b)
		}
	}
	result.trim()
	return result
}

// mix returns a block with sectors of both.
func mix(old, changed *block, random *rand.Rand) *block {
	result := *old
	for at := 0; at < blockSize; at += sectorSize {
		if random.IntN(2) == 0 {
			copy(result[at:at+sectorSize], changed[at:])
		}
	}
	return &result
}

// trim removes what is behind the end, so that a longer file has zeros there.
func (c *content) trim() {
	count := int((c.size + blockSize - 1) / blockSize)
	c.blocks = c.blocks[:min(count, len(c.blocks))]
	if at := c.size % blockSize; at > 0 && count == len(c.blocks) && c.blocks[count-1] != nil {
		b := *c.blocks[count-1]
		clear(b[at:])
		c.blocks[count-1] = &b
	}
}
