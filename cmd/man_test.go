package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMan_WritesAPageForEachCommand(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "man1")
	var out, errOut bytes.Buffer
	if code := Main([]string{"man", folder}, strings.NewReader(""), &out, &errOut, "1.2.3"); code != exitDone {
		t.Fatalf("exit code %d: %s", code, &errOut)
	}
	for _, name := range []string{"eventagg", "eventagg-serve", "eventagg-publish", "eventagg-stats", "eventagg-tail"} {
		page, err := os.ReadFile(filepath.Join(folder, name+".1"))
		if err != nil || !bytes.Contains(page, []byte(".SH NAME")) || !bytes.Contains(page, []byte("eventagg 1.2.3")) {
			t.Errorf("%s: %v, %d bytes", name, err, len(page))
		}
	}
}
