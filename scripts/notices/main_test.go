package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotices_AreComplete lists the modules of two systems, and looks for each with a
// text that grants something.
func TestNotices_AreComplete(t *testing.T) {
	t.Parallel()
	tested := []string{"linux/amd64", "windows/arm64"}
	text, err := notices(tested)
	if err != nil {
		t.Fatal(err)
	}
	modules, err := modulesOf(tested)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), strings.Repeat("=", 80)+"\n")[1:]
	for name := range modules {
		granted := false
		for _, part := range parts {
			header, body, _ := strings.Cut(part, "\n")
			granted = granted || strings.HasPrefix(header, name+": ") && len(body) > 500
		}
		if !granted {
			t.Errorf("%s has no licence in the text", name)
		}
	}
	for _, want := range []string{"the Go standard library: LICENSE", "Swagger UI", "LICENSE-SQLITE"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the text lacks %s", want)
		}
	}
}

// TestNotices_SystemsAreThoseOfReleases compares the systems with .goreleaser.yaml.
func TestNotices_SystemsAreThoseOfReleases(t *testing.T) {
	t.Parallel()
	release, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"goos: [linux, darwin, windows]", "goarch: [amd64, arm64]"} {
		if !bytes.Contains(release, []byte(want)) {
			t.Errorf("releases are not %s; change systems, too", want)
		}
	}
}

// TestNotices_ModuleWithoutLicence has a folder with a file that only looks like one.
func TestNotices_ModuleWithoutLicence(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "license.go"), []byte("package p"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := write(new(bytes.Buffer), &module{name: "example.com/p v1.0.0", folder: folder})
	if err == nil || !strings.Contains(err.Error(), "example.com/p v1.0.0 has no licence file") {
		t.Errorf("got %v, want an error with the module", err)
	}
}
