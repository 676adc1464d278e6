package cmd

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/terminal"
)

// publishSource is the source of the events to publish.
type publishSource struct {
	loadgen.Source
	// originals returns what was sent, for --verify.
	originals loadgen.Originals
	// bad returns the number of lines of a file that are not events.
	bad   func() int64
	close func()
	// title describes the events for people.
	title string
	// name is the file of the events; empty if they are generated.
	name string
}

// Next returns the next events. An error names the file.
func (s *publishSource) Next(ctx context.Context, batch *loadgen.Batch, n int) error {
	err := s.Source.Next(ctx, batch, n)
	if err != nil && s.name != "" {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return err
}

// openSource returns generated events, or those of a file. It calls invalid for
// lines that are not events.
func (a *app) openSource(opts publishOptions, invalid func(line int64, err error)) (*publishSource, error) {
	if opts.file == "" {
		return generatedSource(opts)
	}
	in, name, closeFile := a.in, "standard input", func() {}
	if opts.file != stdStream {
		file, err := os.Open(opts.file)
		if err == nil {
			err = rejectFolder(file)
		}
		if err != nil {
			return nil, fmt.Errorf("open the events to send: %w", err)
		}
		in, name, closeFile = file, opts.file, func() { _ = file.Close() } // closing a file that was only read loses nothing
	}
	lines, err := loadgen.NewFile(in, loadgen.FileOptions{
		DupRate: opts.generate.DupRate, Seed: opts.generate.Seed, Remember: opts.verify, OnInvalid: invalid,
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

// rejectFolder returns the error for a folder before anything is sent; reading
// would return it later. It closes the folder.
func rejectFolder(file *os.File) error {
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "read", Path: file.Name(), Err: syscall.EISDIR}
	}
	if err != nil {
		_ = file.Close()
	}
	return err
}

func generatedSource(opts publishOptions) (*publishSource, error) {
	options := opts.generate
	if !opts.seeded {
		options.Seed, options.Start = rand.Uint64(), time.Now() //nolint:gosec // new keys for each run, not a secret
	}
	generator, err := loadgen.NewGenerator(options)
	if err != nil {
		return nil, err
	}
	title := fmt.Sprintf("events, %g %% of them duplicates,", options.DupRate*100)
	if options.Count > 0 {
		title = fmt.Sprintf("%s events, %s of them duplicates,", terminal.Count(options.Count), terminal.Count(generator.Repeats()))
	}
	return &publishSource{
		Source: generator.Source(), originals: generator,
		bad: func() int64 { return 0 }, close: func() {}, title: title,
	}, nil
}
