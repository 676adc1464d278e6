// Package api defines the HTTP interface as Go types: paths, media types, JSON
// shapes and cursors. It is API. Package server writes these types and package
// client reads them.
package api
