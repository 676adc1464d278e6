package powerloss

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// actions changes a disk as a program does. It stops the test after an error.
type actions struct {
	t *testing.T
	*Disk
}

// find returns a file or folder by its path, such as "a/b". The root is "".
func (a actions) find(name string) *node {
	a.t.Helper()
	n := a.root
	for part := range strings.SplitSeq(name, "/") {
		if part == "" {
			continue
		}
		child, err := a.lookup(n, part)
		if err != nil {
			a.t.Fatalf("%s: %v", name, err)
		}
		n = child
	}
	return n
}

func (a actions) parent(name string) (*node, string) {
	folder, base := path.Split(name)
	return a.find(folder), base
}

func (a actions) check(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a actions) fsync(name string) { a.t.Helper(); a.check(a.sync(a.find(name))) }
func (a actions) put(name, text string) {
	a.t.Helper()
	a.check(a.write(a.find(name), []byte(text), 0))
}

func (a actions) add(name string, folder bool) {
	a.t.Helper()
	parent, base := a.parent(name)
	a.check(a.create(parent, base, newNode(folder, 0o755, 0, 0)))
}

func (a actions) rename(name, newName string) {
	a.t.Helper()
	parent, base := a.parent(name)
	newParent, newBase := a.parent(newName)
	a.check(a.move(parent, base, newParent, newBase))
}

func (a actions) unlink(name string) {
	a.t.Helper()
	parent, base := a.parent(name)
	a.check(a.remove(parent, base))
}

// files returns all files with their content, and folders with a slash.
func (a actions) files(folder *node, prefix string) []string {
	var found []string
	for _, name := range a.list(folder) {
		n := folder.names[name]
		if n.folder {
			found = append(found, prefix+name+"/")
			found = append(found, a.files(n, prefix+name+"/")...)
			continue
		}
		data := make([]byte, n.current.size)
		n.read(data, 0)
		found = append(found, fmt.Sprintf("%s%s=%s", prefix, name, data))
	}
	return found
}

// TestCut_LosesWhatWasNotSynced begins with a durable file a="old" and a durable folder
// f, and changes them before the power is cut.
func TestCut_LosesWhatWasNotSynced(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options Options
		change  func(actions)
		want    string
	}{
		"nothing changed":      {change: func(actions) {}, want: "a=old f/"},
		"a write is lost":      {change: func(a actions) { a.put("a", "new") }, want: "a=old f/"},
		"a synced write stays": {change: func(a actions) { a.put("a", "new"); a.fsync("a") }, want: "a=new f/"},
		"a write after the sync is lost": {
			change: func(a actions) { a.put("a", "new"); a.fsync("a"); a.put("a", "newest") }, want: "a=new f/",
		},
		"a disk that ignores the sync loses the write": {
			options: Options{IgnoreSync: true}, change: func(a actions) { a.put("a", "new"); a.fsync("a") }, want: "a=old f/",
		},
		"a truncation is undone":      {change: func(a actions) { a.check(a.truncate(a.find("a"), 1)) }, want: "a=old f/"},
		"a synced truncation stays":   {change: func(a actions) { a.check(a.truncate(a.find("a"), 1)); a.fsync("a") }, want: "a=o f/"},
		"a new file has no name":      {change: func(a actions) { a.add("b", false); a.put("b", "new") }, want: "a=old f/"},
		"the sync of a file names it": {change: func(a actions) { a.add("b", false); a.put("b", "new"); a.fsync("b") }, want: "a=old b=new f/"},
		"with strict names only the sync of the folder names a file": {
			options: Options{StrictNames: true}, change: func(a actions) { a.add("b", false); a.fsync("b") }, want: "a=old f/",
		},
		"a named file has no content until it is synced": {
			change: func(a actions) { a.add("b", false); a.put("b", "new"); a.fsync("") }, want: "a=old b= f/",
		},
		"the sync of a file names its new folders": {
			change: func(a actions) { a.add("f/g", true); a.add("f/g/b", false); a.fsync("f/g/b") }, want: "a=old f/ f/g/ f/g/b=",
		},
		"a rename is undone":                     {change: func(a actions) { a.rename("a", "b") }, want: "a=old f/"},
		"a rename stays if the folder is synced": {change: func(a actions) { a.rename("a", "b"); a.fsync("") }, want: "b=old f/"},
		"a rename that replaces a file is undone as a whole": {
			change: func(a actions) { a.add("b", false); a.put("b", "new"); a.fsync("b"); a.rename("b", "a") }, want: "a=old b=new f/",
		},
		"a move is durable as a whole with either folder": {
			change: func(a actions) { a.rename("a", "f/a"); a.fsync("f") }, want: "f/ f/a=old",
		},
		"a removal is undone":      {change: func(a actions) { a.unlink("a") }, want: "a=old f/"},
		"a synced removal stays":   {change: func(a actions) { a.unlink("a"); a.unlink("f"); a.fsync("") }, want: ""},
		"another name is a second": {change: func(a actions) { a.check(a.link(a.find("a"), a.find("f"), "b")); a.fsync("f") }, want: "a=old f/ f/b=old"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := actions{t, New(Options{})}
			a.add("a", false)
			a.put("a", "old")
			a.fsync("a")
			a.add("f", true)
			a.fsync("")
			a.options = test.options
			test.change(a)
			after := actions{t, a.Cut(Options{})}
			if got := strings.Join(after.files(after.root, ""), " "); got != test.want {
				t.Errorf("after the power loss: %q, want %q", got, test.want)
			}
		})
	}
}

// TestCut_TearsPages writes versions of a file that was synced once. Each sector has the
// synced version or a later one, with some seeds different ones in one page, and an older
// one that was written back.
func TestCut_TearsPages(t *testing.T) {
	t.Parallel()
	const size = 2 * blockSize
	versions := func(data []byte) string {
		var found []byte
		for sector := range slices.Chunk(data, sectorSize) {
			if len(bytes.Trim(sector, string(sector[:1]))) > 0 {
				t.Fatalf("a sector is torn: %q", sector)
			}
			found = append(found, sector[0])
		}
		return string(found)
	}
	seen := map[bool]int{}
	older := false
	for seed := range uint64(200) {
		a := actions{t, New(Options{Seed: seed + 1})}
		a.add("a", false)
		a.put("a", strings.Repeat("0", size))
		a.fsync("a")
		for version := '1'; version <= '9'; version++ {
			a.put("a", strings.Repeat(string(version), size))
		}
		after := actions{t, a.Cut(Options{})}
		data := make([]byte, size)
		after.find("a").read(data, 0)
		got := versions(data)
		whole := strings.Repeat(got[:1], blockSize/sectorSize)
		seen[got[:len(whole)] != whole]++
		older = older || strings.ContainsAny(got, "12345678")
	}
	if seen[true] == 0 || seen[false] == 0 || !older {
		t.Errorf("%d torn pages, %d whole ones, an older version: %t", seen[true], seen[false], older)
	}
}

// TestCut_KeepsNamesInOrder creates files without a sync: those that survive are the
// first ones.
func TestCut_KeepsNamesInOrder(t *testing.T) {
	t.Parallel()
	counts := map[int]bool{}
	for seed := range uint64(100) {
		a := actions{t, New(Options{Seed: seed + 1})}
		for _, name := range []string{"a", "b", "c", "d"} {
			a.add(name, false)
		}
		after := actions{t, a.Cut(Options{})}
		got := strings.Join(after.list(after.root), "")
		if got != "abcd"[:len(got)] {
			t.Errorf("seed %d: %q survived", seed+1, got)
		}
		counts[len(got)] = true
	}
	if len(counts) != 5 {
		t.Errorf("numbers of names that survived: %v", counts)
	}
}

func TestCutAfter_FailsEachLaterChange(t *testing.T) {
	t.Parallel()
	a := actions{t, New(Options{})}
	a.add("a", false)
	a.CutAfter(2)
	a.put("a", "1")
	for _, err := range []error{
		a.sync(a.find("a")), a.write(a.find("a"), nil, 0), a.truncate(a.find("a"), 0), a.remove(a.root, "a"),
		a.create(a.root, "b", newNode(false, 0, 0, 0)), a.move(a.root, "a", a.root, "b"),
	} {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("a change without power: %v", err)
		}
	}
	select {
	case <-a.Off():
	default:
		t.Error("Off is not closed")
	}
	if a.Syncs() != 0 {
		t.Error("a sync that failed was counted")
	}
}

// TestContent_ReadsWhatWasWritten compares a file with a slice of bytes.
func TestContent_ReadsWhatWasWritten(t *testing.T) {
	t.Parallel()
	var f file
	var want []byte
	for step, change := range []struct{ offset, length, size int }{
		{0, 10, 0}, {4090, 20, 0}, {20_000, 5000, 0}, {0, 0, 4100}, {5000, 1, 0}, {0, 0, 9000}, {100, 8192, 0}, {0, 0, 1}, {3, 3, 0},
	} {
		if change.length > 0 {
			data := bytes.Repeat([]byte{byte('a' + step)}, change.length)
			f.write(data, int64(change.offset))
			want = append(want, make([]byte, max(0, change.offset+change.length-len(want)))...)
			copy(want[change.offset:], data)
		} else {
			f.truncate(int64(change.size))
			want = append(want, make([]byte, max(0, change.size-len(want)))...)[:change.size]
		}
		if step%2 == 0 {
			f.sync()
		}
		got := make([]byte, len(want)+10)
		if n := f.read(got, 0); !bytes.Equal(got[:n], want) {
			t.Fatalf("step %d: %d bytes differ from the %d expected", step, n, len(want))
		}
	}
	f.sync()
	if survived := f.survivors(nil); survived.size != int64(len(want)) || !bytes.Equal(survived.block(0)[:len(want)], want) {
		t.Error("the synced content differs")
	}
}
