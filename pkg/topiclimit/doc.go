// Package topiclimit limits the number of topics. Senders choose topics, and each topic
// has rows of counters for ever: a body of 0.9 MB can have a million topics. The package
// is internal to eventagg.
package topiclimit
