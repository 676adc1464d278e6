package server

import (
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/auth"
)

func TestHashOf_IsThatOfTheKeyOfEachRequest(t *testing.T) {
	ctx := withKeyCache(t.Context())
	first, second := auth.NewKey(), auth.NewKey()
	for _, row := range []struct {
		name    string
		headers []string
		want    auth.Key
		invalid bool
	}{
		{"a key", []string{bearer(first)}, first, false},
		{"the same key again", []string{bearer(first)}, first, false},
		{"another key", []string{bearer(second)}, second, false},
		{"the first key again", []string{bearer(first)}, first, false},
		{"the same key with more spaces", []string{"Bearer   " + first.Reveal()}, first, false},
		{"the same key with too many spaces to remember it", []string{"Bearer " + strings.Repeat(" ", 60) + first.Reveal()}, first, false},
		{"a prefix of the key", []string{bearer(first)[:40]}, first, true},
		{"the key twice", []string{bearer(first), bearer(first)}, first, true},
		{"no header", nil, first, true},
		{"a NUL in place of nothing", []string{bearer(first) + "\x00"}, first, true},
	} {
		got, err := hashOf(ctx, row.headers)
		if (err != nil) != row.invalid || err == nil && got != row.want.Hash() {
			t.Errorf("%s: %v, %v", row.name, got, err)
		}
	}
	headers := []string{bearer(first)}
	if n := testing.AllocsPerRun(100, func() { _, _ = hashOf(ctx, headers) }); n > 0 {
		t.Errorf("%v allocations for the same key", n)
	}
}

func BenchmarkHashOf(b *testing.B) {
	headers := []string{bearer(auth.NewKey())}
	ctx := withKeyCache(b.Context())
	b.Run("the same key", func(b *testing.B) {
		for b.Loop() {
			_, _ = hashOf(ctx, headers)
		}
	})
	b.Run("without a cache", func(b *testing.B) {
		for b.Loop() {
			_, _ = hashOf(b.Context(), headers)
		}
	})
}
