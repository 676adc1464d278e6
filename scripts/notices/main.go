// Command notices prints the licences of everything that is compiled into eventagg: of
// each module in the binary for a released system, of the Go standard library, and of
// files that modules embed. Releases and the image contain the result, because most of
// these licences require it. A module without a licence file is an error.
//
//	go run ./scripts/notices >THIRD_PARTY_NOTICES.txt
package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// systems are those of .goreleaser.yaml.
func systems() []string {
	return []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}
}

// swaggerUI is embedded by github.com/swaggest/swgui, which does not name its licence.
const swaggerUI = `Swagger UI (the files of the page /docs, embedded by github.com/swaggest/swgui)

Copyright 2020-2021 SmartBear Software Inc.

Licensed under the Apache License, Version 2.0. Its text is above, for example under
go.opentelemetry.io/otel.
`

func main() {
	text, err := notices(systems())
	if err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
	_, _ = os.Stdout.Write(text)
}

// module is a module of the binary with the folders of the packages that it uses.
type module struct {
	name, folder string
	packages     []string
}

// notices returns the text for the binaries of some systems.
func notices(systems []string) ([]byte, error) {
	modules, err := modulesOf(systems)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "eventagg contains the Go standard library and %d modules of other authors. These are their licences.\n", len(modules))
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	modules["the Go standard library"] = &module{name: "the Go standard library", folder: strings.TrimSpace(string(root))}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		if err := write(&out, modules[name]); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(&out, "\n%s\n%s", strings.Repeat("=", 80), swaggerUI)
	return out.Bytes(), nil
}

// modulesOf returns the modules that the binaries contain, by "path version".
func modulesOf(systems []string) (map[string]*module, error) {
	modules := map[string]*module{}
	for _, system := range systems {
		goos, goarch, _ := strings.Cut(system, "/")
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}", "github.com/eventagg/eventagg")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		list, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		for line := range strings.Lines(string(list)) {
			fields := strings.Split(strings.TrimSpace(line), "\t")
			if len(fields) != 3 {
				continue // the standard library, or this module
			}
			m := modules[fields[0]]
			if m == nil {
				m = &module{name: fields[0], folder: fields[1]}
				modules[m.name] = m
			}
			m.packages = append(m.packages, fields[2])
		}
	}
	if len(modules) == 0 {
		return nil, errors.New("go list found no modules; run it in the folder of the project")
	}
	return modules, nil
}

// write writes the licence files of a module: those in its folder, and those beside the
// packages that are compiled, because modules contain code of other authors, too.
func write(out *bytes.Buffer, m *module) error {
	licence := regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents)([-_.].*)?$`)
	folders := map[string]bool{m.folder: true}
	for _, folder := range m.packages {
		for strings.HasPrefix(folder, m.folder+string(filepath.Separator)) {
			folders[folder] = true
			folder = filepath.Dir(folder)
		}
	}
	found := false
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		files, err := os.ReadDir(folder)
		if err != nil {
			return err
		}
		for _, file := range files {
			if !file.Type().IsRegular() || !licence.MatchString(file.Name()) || strings.HasSuffix(file.Name(), ".go") {
				continue
			}
			text, err := os.ReadFile(filepath.Join(folder, file.Name()))
			if err != nil {
				return err
			}
			found = true
			relative, _ := filepath.Rel(m.folder, filepath.Join(folder, file.Name())) // both are absolute
			fmt.Fprintf(out, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("=", 80), m.name, filepath.ToSlash(relative), bytes.TrimSpace(text))
		}
	}
	if !found {
		return fmt.Errorf("%s has no licence file in %s", m.name, m.folder)
	}
	return nil
}
