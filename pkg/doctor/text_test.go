package doctor

import "testing"

func TestNeeded(t *testing.T) {
	t.Parallel()
	for names, want := range map[string]int{
		"*": 1, "a": 1, "a, b": 1, `"my standby"`: 1, "2 (a, b)": 2, "FIRST 2 (a, b, c)": 2, "any 3 (*)": 3, " ANY  12(a)": 12, "first": 1, "FIRST": 1,
	} {
		if got := needed(names); got != want {
			t.Errorf("%s: %d, want %d", names, got, want)
		}
	}
}

func TestWeakness(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"appendfsync is everysec, set it to always":                   {"appendfsync is everysec", "CONFIG SET appendfsync always, and the same in redis.conf; until then the queue is not used"},
		"the server rejects CONFIG GET or INFO; allow the user +info": {"the server rejects CONFIG GET or INFO", "allow the user +info"},
		"something else": {"something else", "look at the log and the settings of the server"},
	} {
		if reason, fix := weakness(text); reason != want[0] || fix != want[1] {
			t.Errorf("%s: %q, %q", text, reason, fix)
		}
	}
}
