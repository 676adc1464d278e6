package cmd

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/eventagg/eventagg/pkg/size"
)

// maxKeysBytes is the maximum size of a keys file: about 500,000 keys.
const maxKeysBytes = 64 << 20

// Bits of the mode of a file.
const (
	groupWrites  = 0o020
	othersWrite  = 0o002
	othersRead   = 0o004
	exposedWrite = "keys file can be changed by its group"
	exposedRead  = "keys file can be read by every user of this machine"
)

// readKeys reads a keys file. It returns an error if users who do not run the server can
// add keys to the file.
func readKeys(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case hasModes && info.Mode().Perm()&othersWrite != 0:
		return nil, fmt.Errorf("%s: every user of this machine can write keys into it (chmod o-w %s)", path, path)
	case hasModes && info.Mode().Perm()&groupWrites != 0 && !ownGroup(info):
		return nil, fmt.Errorf("%s: a group that this process does not belong to can write keys into it (chmod g-w %s)", path, path)
	case info.Size() > maxKeysBytes:
		return nil, fmt.Errorf("%s: longer than %s", path, size.Format(maxKeysBytes))
	}
	return os.ReadFile(path)
}

// exposure returns a warning about the mode of a keys file, "" for none. A mounted file may
// belong to the group of the process, as Kubernetes does with fsGroup, so this is not an error.
func exposure(info fs.FileInfo) string {
	switch mode := info.Mode().Perm(); {
	case !hasModes:
		return ""
	case mode&groupWrites != 0:
		return exposedWrite
	case mode&othersRead != 0:
		return exposedRead
	default:
		return ""
	}
}

// read reads the keys file. It logs a warning if others can read or change the file, once
// until this changes.
func (k *keyring) read(path string) ([]byte, error) {
	text, err := readKeys(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	warning := exposure(info)
	if warning == k.exposed {
		return text, nil
	}
	k.exposed = warning
	switch warning {
	case exposedWrite:
		k.log.Warn(exposedWrite, slog.String("file", path), slog.String("consequence", "every user of the group can add keys"))
	case exposedRead:
		k.log.Warn(exposedRead, slog.String("file", path), slog.String("consequence", "they see the IDs, topics and limits of keys, but no key"))
	}
	return text, nil
}
