package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestExamples_HaveNoPassword reads README, guides and help texts: a password in an
// example would be on a command line, which every user of the machine can read.
func TestExamples_HaveNoPassword(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"the help of the commands": CommandReference()}
	for _, pattern := range []string{"../README.md", "../.github/*.md", "../pkg/guide/*.md", "../docker-compose.yml", "../scripts/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v, %v", pattern, paths, err)
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || info.IsDir() {
				continue
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(data)
		}
	}
	password := regexp.MustCompile(`://[^/\s:@"']*:[^/\s@"']+@|(?i)\bPASSWORD '[^']+'|--api-key[ =]ea_`)
	for name, text := range texts {
		if found := password.FindString(text); found != "" {
			t.Errorf("%s has the password %q; name a file or a variable instead", name, found)
		}
	}
}
