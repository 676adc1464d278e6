package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// readKey reads an API key from standard input until ctx ends: Ctrl-C must work while the
// command waits. A terminal gets a prompt, and does not show the key.
func (a *app) readKey(ctx context.Context) (string, error) {
	read, restore := func() (string, error) { return readLine(a.in) }, func() {}
	if file, ok := a.in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		before, err := term.GetState(int(file.Fd()))
		if err != nil {
			return "", fmt.Errorf("read the API key from the terminal: %w", err)
		}
		restore = func() { _ = term.Restore(int(file.Fd()), before) }
		read = func() (string, error) {
			text, err := term.ReadPassword(int(file.Fd()))
			return string(text), err
		}
		_, _ = fmt.Fprint(a.errOut, "API key: ")
		defer func() { _, _ = fmt.Fprintln(a.errOut) }() // the line end was not shown either
	}
	text, err := await(ctx, read)
	if ctx.Err() != nil {
		restore()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the API key from standard input: %w", err)
	}
	return text, nil
}

// await returns the result of read, or the error of ctx if that ends before. read then
// goes on in the background: a read of a terminal can't be stopped.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := read()
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readLine reads a short line, and nothing after it: that may be for another reader.
func readLine(in io.Reader) (string, error) {
	const maxLine = 1 << 10
	var line []byte
	one := make([]byte, 1)
	for len(line) < maxLine {
		n, err := in.Read(one)
		switch {
		case n == 1 && one[0] == '\n':
			return string(line), nil
		case n == 1:
			line = append(line, one[0])
		case errors.Is(err, io.EOF):
			return string(line), nil
		case err != nil:
			return "", err
		}
	}
	return "", errors.New("the line is too long")
}
