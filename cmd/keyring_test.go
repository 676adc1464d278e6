package cmd

import (
	"os"
	"regexp"
	"testing"

	"github.com/eventagg/eventagg/pkg/auth"
)

// A reader copies the entries of the guide.
func TestGuides_ExamplesOfKeysAreValid(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../pkg/guide/security.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(- id: .*?)```").FindAllSubmatch(text, -1)
	if len(examples) == 0 {
		t.Error("the guide has no example of a keys file")
	}
	for _, example := range examples {
		entries, err := auth.ParseKeys(example[1])
		if err == nil {
			_, err = auth.NewSet(entries, 0)
		}
		if err != nil {
			t.Errorf("%s%v", example[1], err)
		}
	}
}
