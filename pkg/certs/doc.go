// Package certs makes the TLS configurations of the server and of the clients from
// certificate files. The files of the server can be replaced while it runs. The package
// is internal to eventagg.
package certs
