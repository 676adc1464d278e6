// Package topiclimit limits the number of topics. Senders choose topics, and each
// costs rows of counters for ever: a body of 0.9 MB can have a million of them.
package topiclimit
