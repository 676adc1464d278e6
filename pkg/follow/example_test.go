package follow

import (
	"context"
	"fmt"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

func ExampleHub() {
	ctx := context.Background()
	reader := &fakeStore{} // any store
	reader.add(4)
	hub := New(reader, Options{Encode: func(dst []byte, r store.Record) []byte {
		return append(append(dst, r.ID...), '\n')
	}})
	start, err := hub.Start(ctx, store.Filter{}, 2) // the last two events, then every later one
	if err != nil {
		fmt.Println(err)
		return
	}
	follower, err := hub.Join(ctx, store.Filter{}, start, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer follower.Leave()
	text, err := follower.Next(ctx, time.Minute)
	fmt.Print(string(text), err)
	// Output:
	// 3
	// 4
	// <nil>
}
