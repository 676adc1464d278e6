package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// errTooFewReplicas means that fewer replicas than MinReplicas are connected, or have
// confirmed an append.
var errTooFewReplicas = errors.New("too few replicas")

// checkReplicas returns an error if a node has fewer connected replicas than
// MinReplicas. The error says that nothing was sent.
func (q *Queue) checkReplicas(nodes []map[string]string) error {
	for _, settings := range nodes {
		if found := connectedReplicas(settings); found < q.options.MinReplicas {
			err := fmt.Errorf("%w: %d connected, broker.min_replicas is %d", errTooFewReplicas, found, q.options.MinReplicas)
			return &callError{err: err, sent: false}
		}
	}
	return nil
}

// connectedReplicas counts the replicas that INFO lists as online, each in a line such
// as slave0:ip=192.0.2.1,port=6379,state=online,offset=14,lag=0.
func connectedReplicas(settings map[string]string) int {
	count := 0
	for name, value := range settings {
		if strings.HasPrefix(name, "slave") && strings.Contains(value, "state=online") {
			count++
		}
	}
	return count
}

// evalAppend runs the script that appends. With MinReplicas it then waits, on the same
// connection, until that many replicas have the connection's writes.
func (q *Queue) evalAppend(ctx context.Context, s *stream, args ...any) (any, error) {
	if q.options.MinReplicas == 0 {
		return q.eval(ctx, q.writes, q.scripts.append, s.keys(), args...)
	}
	node, err := q.nodeOf(ctx, s)
	if err != nil {
		return nil, &callError{err: err, sent: false}
	}
	conn := node.Conn()
	defer func() { _ = conn.Close() }() // returns it to the pool
	reply, err := q.eval(ctx, conn, q.scripts.append, s.keys(), args...)
	if err != nil {
		return nil, err
	}
	return reply, q.awaitReplicas(ctx, conn)
}

// nodeOf returns the client of the node that has the stream.
func (q *Queue) nodeOf(ctx context.Context, s *stream) (*goredis.Client, error) {
	switch client := q.writes.(type) {
	case *goredis.Client:
		return client, nil
	case *goredis.ClusterClient:
		return client.MasterForKey(ctx, s.events)
	default:
		return nil, fmt.Errorf("no node is known for %T", client)
	}
}

// awaitReplicas returns nil when MinReplicas replicas have confirmed all writes of the
// connection: on disk with WAITAOF (Redis 7.2), otherwise in memory with WAIT. Whether
// the events are queued is unknown after an error, so no error of the server is wrapped:
// translate takes those for proof that nothing was written.
func (q *Queue) awaitReplicas(ctx context.Context, conn *goredis.Conn) error {
	var confirmed int64
	var err error
	if !q.withoutWaitAOF.Load() {
		var counts []int64
		counts, err = conn.WaitAOF(ctx, 0, q.options.MinReplicas, q.options.replicaTimeout()).Result()
		if len(counts) == 2 {
			confirmed = counts[1]
		}
		q.withoutWaitAOF.Store(err != nil && strings.Contains(err.Error(), "unknown command"))
	}
	if q.withoutWaitAOF.Load() {
		confirmed, err = conn.Wait(ctx, q.options.MinReplicas, q.options.replicaTimeout()).Result()
	}
	switch {
	case err != nil:
		return &callError{err: fmt.Errorf("wait for replicas: %v", err), sent: true} //nolint:errorlint // see above
	case confirmed < int64(q.options.MinReplicas):
		err := fmt.Errorf("%w: %d confirmed within %v, broker.min_replicas is %d", errTooFewReplicas, confirmed, q.options.replicaTimeout(), q.options.MinReplicas)
		return &callError{err: err, sent: true}
	default:
		return nil
	}
}
