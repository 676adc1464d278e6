// Package guide holds the guides: what eventagg guarantees, how to run it and
// how it works. It is internal to the program.
//
//	*.md ──embed──▶ Topics ──▶ eventagg help TOPIC    (package cmd)
//	                  └──────▶ Pages ──▶ GET /docs/   (package server)
//
// The guides are plain Markdown, so that GitHub renders them too. A guide's
// title is its first line and its summary is its first paragraph. Links between
// guides are relative links to files; [Pages] turns them into links between
// pages.
//
// Tables between the markers "<!-- generated: NAME -->" and "<!-- end -->" come
// from the code. A test in package cmd compares them with it, and
// `go test ./cmd -run TestGuides -update` rewrites them.
package guide
