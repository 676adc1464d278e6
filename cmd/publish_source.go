package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/eventagg/eventagg/pkg/loadgen"
)

// publishSource is where the events of a publish come from.
type publishSource struct {
	loadgen.Source
	// originals knows what was sent, for --verify.
	originals loadgen.Originals
	// bad says how many lines of a file were no events.
	bad   func() int64
	close func()
	// title says what is sent, for people.
	title string
	// name is where it is read from; "" where it is made up.
	name string
}

// Next is the source's, and names what could not be read.
func (s *publishSource) Next(ctx context.Context, batch *loadgen.Batch, n int) error {
	err := s.Source.Next(ctx, batch, n)
	if err != nil && s.name != "" {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return err
}

// openSource makes events up, or opens the file. Lines that are no events are
// told to invalid.
func (a *app) openSource(opts publishOptions, invalid func(line int64, err error)) (*publishSource, error) {
	if opts.file == "" {
		return madeSource(opts)
	}
	in, name, closeFile := a.in, "standard input", func() {}
	if opts.file != "-" {
		file, err := os.Open(opts.file)
		if err == nil {
			err = refuseFolder(file)
		}
		if err != nil {
			return nil, fmt.Errorf("opening the events to send: %w", err)
		}
		in, name, closeFile = file, opts.file, func() { _ = file.Close() } // it was only read
	}
	lines, err := loadgen.NewFile(in, loadgen.FileOptions{
		DupRate: opts.made.DupRate, Seed: opts.made.Seed, Remember: opts.verify, OnInvalid: invalid,
	})
	if err != nil {
		closeFile()
		return nil, err
	}
	source := &publishSource{Source: lines, originals: lines, bad: lines.Bad, title: "the events of " + name, name: name}
	source.close = func() {
		lines.Close()
		closeFile()
	}
	return source, nil
}

// fileHint says how to send a file that is in another form than lines.
func fileHint(err error) string {
	if errors.Is(err, loadgen.ErrArray) {
		return "Send the events of an array with: jq -c '.[]' FILE | eventagg publish --file -"
	}
	return ""
}

// refuseFolder finds out before anything is sent what reading would say after
// it. It closes a folder.
func refuseFolder(file *os.File) error {
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "read", Path: file.Name(), Err: syscall.EISDIR}
	}
	if err != nil {
		_ = file.Close() // nothing was written
	}
	return err
}

func madeSource(opts publishOptions) (*publishSource, error) {
	made := opts.made
	if !opts.seeded {
		made.Seed, made.Start = rand.Uint64(), time.Now() //nolint:gosec // new keys each run; nothing is secret about them
	}
	generator, err := loadgen.NewGenerator(made)
	if err != nil {
		return nil, err
	}
	title := fmt.Sprintf("events, %g %% of them repeats,", made.DupRate*100)
	if made.Count > 0 {
		title = fmt.Sprintf("%s events, %s of them repeats,", formatCount(made.Count), formatCount(generator.Repeats()))
	}
	return &publishSource{
		Source: generator.Source(), originals: generator,
		bad: func() int64 { return 0 }, close: func() {}, title: title,
	}, nil
}
