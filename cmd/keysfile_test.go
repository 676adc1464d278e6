//go:build unix

package cmd

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/auth"
)

// foreignGroup is a group that no process of a test belongs to.
const foreignGroup = 54321

func TestReadKeys_ChecksWhoCanWriteTheFile(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		mode    os.FileMode
		foreign bool // the file belongs to another group
		refused string
		warns   string
	}{
		{"only the owner", 0o600, false, "", ""},
		{"the group reads, as Kubernetes with fsGroup", 0o440, false, "", ""},
		{"everyone reads", 0o644, false, "", exposedRead},
		{"the own group writes, as a volume with fsGroup", 0o660, false, "", exposedWrite},
		{"the own group writes and everyone reads", 0o664, false, "", exposedWrite},
		{"another group reads", 0o640, true, "", ""},
		{"another group writes", 0o660, true, "chmod g-w", ""},
		{"everyone writes", 0o606, false, "chmod o-w", ""},
	} {
		path := filepath.Join(t.TempDir(), "keys.yaml")
		entry := "- {id: a, hash: '" + auth.NewKey().Hash().String() + "', scopes: read}\n"
		if err := os.WriteFile(path, []byte(entry), 0o600); err != nil {
			t.Fatal(err)
		}
		if row.foreign {
			if err := os.Chown(path, -1, foreignGroup); err != nil {
				t.Logf("%s: skipped, because only root can change the group", row.name)
				continue
			}
		}
		if err := os.Chmod(path, row.mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		k := &keyring{log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 2 { // the warning is logged once
			_, err := k.read(path)
			if refused := err != nil; refused != (row.refused != "") || refused && !strings.Contains(err.Error(), row.refused) {
				t.Errorf("%s: error %v, want %q", row.name, err, row.refused)
			}
		}
		want := 0
		if row.warns != "" {
			want = 1
		}
		if strings.Count(log.String(), "level=WARN") != want || !strings.Contains(log.String(), row.warns) {
			t.Errorf("%s: log %q, want %q once", row.name, log.String(), row.warns)
		}
	}
}

// An operator who replaces a key must see in the log when the new hash is in use.
func TestKeyring_LogsWhatHasChanged(t *testing.T) {
	t.Parallel()
	one, two := auth.NewKey().Hash().String(), auth.NewKey().Hash().String()
	var log bytes.Buffer
	k := &keyring{log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, row := range []struct{ keys, want string }{
		{"- {id: shop, hash: '" + one + "', scopes: publish}", `keys=1 added=shop removed="" changed=""`},
		{"- {id: shop, hash: ['" + one + "', '" + two + "'], scopes: publish}", `added="" removed="" changed="shop: hash added"`},
		{"- {id: shop, hash: '" + two + "', scopes: publish}", `added="" removed="" changed="shop: hash removed"`},
	} {
		log.Reset()
		if err := k.apply([][]byte{[]byte(row.keys)}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), row.want) || strings.Contains(log.String(), "sha256") {
			t.Errorf("log %s, want %s", log.String(), row.want)
		}
	}
}
