package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/eventagg/eventagg/pkg/store"
)

// Facts are what [Inspect] found out about a Redis server, or about each master of a
// cluster: facts, without a judgement.
type Facts struct {
	// Nodes are the servers that hold data: one, or the masters of a cluster.
	Nodes []NodeFacts
	// Size is what is queued now. SizeUnknown is why it is not known.
	Events, Bytes, DeadLetters int64
	SizeUnknown                string
}

// NodeFacts are the facts about one server.
type NodeFacts struct {
	// Address is host:port or a path, without a password.
	Address string
	Version string
	// Unknown is why the settings can't be read, or empty.
	Unknown string
	// Weak is why the server could lose events that it has confirmed; empty if it does
	// not. AllowWeak has no influence on it.
	Weak string
	// Rewriting is set if Weak may be only a moment: the file is written now.
	Rewriting bool
	// RewriteFails is set if the append-only file grows without limit.
	RewriteFails bool
	// Refuses is why the server refuses writes now, or empty.
	Refuses string
	// Replica is set if the server is a replica, which accepts no writes.
	Replica bool
	// Replicas is the number of replicas that are online, and Lag the number of bytes
	// that the slowest of them has not received yet.
	Replicas int
	Lag      int64
	// MaxMemory is maxmemory in bytes, 0 for no limit. Policy is maxmemory-policy. Used is
	// the memory in use, and SystemMemory that of the machine.
	MaxMemory, Used, SystemMemory int64
	Policy                        string
	// CertificateExpires is the end of the server's certificate; zero without TLS.
	CertificateExpires time.Time
	// Skew is the clock of the server minus the clock of this machine. It is exact to
	// half of RoundTrip.
	Skew, RoundTrip time.Duration
}

// Inspect reads the facts about the queue's servers that decide whether they can lose
// events. It changes nothing. Its error means that no server can be reached, or that the
// URL is not valid.
func Inspect(ctx context.Context, options Options) (_ *Facts, err error) {
	q, err := Open(ctx, options)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	f := &Facts{}
	if err := q.eachNode(ctx, func(ctx context.Context, node *goredis.Client) error {
		facts, err := inspectNode(ctx, node)
		f.Nodes = append(f.Nodes, facts)
		return err
	}); err != nil {
		return nil, q.translate(ctx, "inspect", err)
	}
	size, err := q.Size(ctx)
	if err != nil {
		f.SizeUnknown = err.Error()
	}
	f.Events, f.Bytes, f.DeadLetters = size.Events, size.Bytes, size.DeadLetters
	return f, nil
}

// eachNode calls a function for each server that holds data, one after the other.
func (q *Queue) eachNode(ctx context.Context, run func(context.Context, *goredis.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, q.options.Timeout)
	defer cancel()
	switch client := q.commands.(type) {
	case *goredis.Client:
		return run(ctx, client)
	case *goredis.ClusterClient:
		turn := make(chan struct{}, 1) // ForEachMaster calls at the same time
		return client.ForEachMaster(ctx, func(ctx context.Context, node *goredis.Client) error {
			turn <- struct{}{}
			defer func() { <-turn }()
			return run(ctx, node)
		})
	default:
		return fmt.Errorf("unexpected client %T", client)
	}
}

// inspectNode reads the facts about one server.
func inspectNode(ctx context.Context, node *goredis.Client) (NodeFacts, error) {
	f := NodeFacts{Address: node.Options().Addr}
	if err := f.clock(ctx, node); err != nil {
		return f, err
	}
	f.certificate(ctx, node.Options())
	settings, err := readSettings(ctx, node)
	if err != nil {
		return f, err
	}
	if weak := judge(settings, false); weak != nil {
		f.Weak = strings.TrimPrefix(weak.Error(), store.ErrNotDurable.Error()+": ")
		f.Rewriting = rewriting(settings) && judge(settings, true) == nil
	}
	if settings == nil {
		f.Unknown = "the server rejects CONFIG GET or INFO"
		return f, nil
	}
	f.Version, f.Policy, f.MaxMemory = settings["redis_version"], settings["maxmemory-policy"], maxMemory(settings)
	f.RewriteFails = rewriteWarning(settings) != ""
	if settings["rdb_last_bgsave_status"] == "err" {
		f.Refuses = "it can't write its snapshot (rdb_last_bgsave_status:err)"
	}
	f.replication(settings)
	memory := infoOf(ctx, node, "memory")
	f.Used, f.SystemMemory = number(memory["used_memory"]), number(memory["total_system_memory"])
	return f, nil
}

// infoOf returns a section of INFO; empty if the server rejects it.
func infoOf(ctx context.Context, node *goredis.Client, section string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(node.Info(ctx, section).Val()) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			values[name] = value
		}
	}
	return values
}

// replication reads a section such as
//
//	role:master
//	slave0:ip=10.0.0.2,port=6379,state=online,offset=1200,lag=0
//	master_repl_offset:1200
func (f *NodeFacts) replication(info map[string]string) {
	f.Replica, f.Replicas = info["role"] == "slave", connectedReplicas(info)
	offset := number(info["master_repl_offset"])
	for name, value := range info {
		if !strings.HasPrefix(name, "slave") || !strings.Contains(value, "state=online") {
			continue
		}
		for field := range strings.SplitSeq(value, ",") {
			if text, found := strings.CutPrefix(field, "offset="); found {
				f.Lag = max(f.Lag, offset-number(text))
			}
		}
	}
}

// certificate opens a connection of its own, because the client does not show its
// certificates. If that fails the end stays unknown.
func (f *NodeFacts) certificate(ctx context.Context, options *goredis.Options) {
	if options.TLSConfig == nil {
		return
	}
	conn, err := (&tls.Dialer{Config: options.TLSConfig}).DialContext(ctx, options.Network, options.Addr)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	if secure, ok := conn.(*tls.Conn); ok {
		if chain := secure.ConnectionState().PeerCertificates; len(chain) > 0 {
			f.CertificateExpires = chain[0].NotAfter
		}
	}
}

// clock compares the clocks. The first call opens the connection and is not measured.
func (f *NodeFacts) clock(ctx context.Context, node *goredis.Client) error {
	if err := node.Ping(ctx).Err(); err != nil && !replied(err) {
		return &callError{err: err, sent: false}
	}
	before := time.Now()
	server, err := node.Time(ctx).Result()
	f.RoundTrip = time.Since(before)
	switch {
	case err == nil:
		f.Skew = server.Sub(before.Add(f.RoundTrip / 2))
	case replied(err) && !authenticationFailed(err):
		f.RoundTrip = 0 // not allowed
	default:
		return &callError{err: err, sent: false}
	}
	return nil
}

// authenticationFailed reports whether the server rejects every command.
func authenticationFailed(err error) bool {
	return goredis.HasErrorPrefix(err, "NOAUTH") || goredis.HasErrorPrefix(err, "WRONGPASS")
}

// number parses a number; 0 if it is none.
func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}
