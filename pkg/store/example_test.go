package store_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// The text form of a position is a cursor: a client keeps it to continue later.
func ExamplePosition() {
	cursor := store.Position{Commit: 1000, Seq: 2, Fingerprint: 40}.String()
	fmt.Println(cursor)
	var position store.Position
	fmt.Println(position.UnmarshalText([]byte(cursor)), position.Commit, position.Seq)
	fmt.Println(position.UnmarshalText([]byte("1,2")))
	// Output:
	// rs.2.14
	// <nil> 1000 2
	// invalid position "1,2"
}

func ExampleRetryAfter() {
	err := fmt.Errorf("append: %w", &store.RetryError{Err: store.ErrOverloaded, After: 2 * time.Second})
	fmt.Println(errors.Is(err, store.ErrOverloaded), store.RetryAfter(err, time.Second))
	// Output: true 2s
}
