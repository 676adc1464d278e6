package doctor

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/eventagg/eventagg/pkg/queue/redis"
)

// queueRules are the checks of Redis. With a cluster the first node with a problem
// counts.
func queueRules() []rule {
	return []rule{
		{check: "persistence", weakens: true, judge: anyNode(persistence)},
		{check: "version", judge: anyNode(queueVersion)},
		{check: "role", judge: anyNode(queueRole)},
		{check: "writes", judge: anyNode(queueWrites)},
		{check: "eviction", weakens: true, judge: anyNode(eviction)},
		{check: "memory", judge: anyNode(queueMemory)},
		{check: "replicas", judge: anyNode(replicas)},
		{check: "clock", judge: anyNode(queueClock)},
		{check: "size", judge: queueSize},
		{check: "dead letters", judge: deadLetters},
		{check: "encryption", judge: queueTLS},
	}
}

// anyNode makes a rule of one for nodes: the first result that is not OK, or the first.
func anyNode(judge func(Facts, redis.NodeFacts) result) func(Facts) result {
	return func(f Facts) result {
		var first result
		for i, node := range f.Queue.Nodes {
			got := judge(f, node)
			if len(f.Queue.Nodes) > 1 {
				got.message = node.Address + ": " + got.message
			}
			if got.level != OK {
				return got
			}
			if i == 0 {
				first = got
			}
		}
		return first
	}
}

func persistence(_ Facts, n redis.NodeFacts) result {
	switch {
	case n.Rewriting:
		return found(Warning, n.Weak, "run doctor again when the file is written; until then the queue is not used")
	case n.Weak != "" && !strings.HasPrefix(n.Weak, "maxmemory-policy"): // that is the check eviction
		reason, fix := weakness(n.Weak)
		return found(Failure, reason+": an acknowledged event can be lost", fix)
	case n.RewriteFails:
		return found(Warning, "the append-only file can't be rewritten and grows (aof_last_bgrewrite_status:err)", "look at the log and the disk of the server")
	default:
		return ok("Redis %s syncs each event to its disk before the response (appendfsync always)", n.Version)
	}
}

// weakness divides the reason of store.ErrNotDurable into what is wrong and its fix.
func weakness(text string) (reason, fix string) {
	if reason, value, found := strings.Cut(text, ", set it to "); found {
		name, _, _ := strings.Cut(reason, " ")
		return reason, "CONFIG SET " + name + " " + value + ", and the same in redis.conf; until then the queue is not used"
	}
	reason, fix, _ = strings.Cut(text, "; ")
	return reason, cmp.Or(fix, "look at the log and the settings of the server")
}

func queueVersion(_ Facts, n redis.NodeFacts) result {
	const oldest = 7
	switch major, _ := versionOf(n); {
	case n.Unknown != "":
		return unknownNode(n)
	case major < oldest:
		return found(Warning, "Redis "+n.Version+" is not supported", "upgrade the server to Redis 7.0 or newer")
	default:
		return ok("Redis %s", n.Version)
	}
}

// versionOf returns the version of a server: 7 and 2 for 7.2.4.
func versionOf(n redis.NodeFacts) (major, minor int) {
	_, _ = fmt.Sscanf(n.Version, "%d.%d", &major, &minor)
	return major, minor
}

func queueRole(_ Facts, n redis.NodeFacts) result {
	switch {
	case n.Unknown != "":
		return unknownNode(n)
	case n.Replica:
		return found(Failure, "the server is a replica and accepts no events", "name the master in broker.url")
	default:
		return ok("the server is a master")
	}
}

func unknownNode(n redis.NodeFacts) result {
	return found(Unknown, n.Unknown, "allow the user +config|get +info +time")
}

func queueWrites(_ Facts, n redis.NodeFacts) result {
	switch {
	case n.Unknown != "":
		return unknownNode(n)
	case n.Refuses != "":
		return found(Warning, n.Refuses+"; with stop-writes-on-bgsave-error the server refuses events", "look at the log and the disk of the server")
	default:
		return ok("the server accepts events")
	}
}

func eviction(_ Facts, n redis.NodeFacts) result {
	switch {
	case n.Unknown != "":
		return unknownNode(n)
	case n.Policy == "noeviction":
		return ok("maxmemory-policy is noeviction")
	case n.MaxMemory == 0:
		return found(Note, "maxmemory-policy is "+n.Policy+"; it has no effect without maxmemory", "CONFIG SET maxmemory-policy noeviction")
	default:
		return found(Failure, fmt.Sprintf("maxmemory-policy is %s: a server that is full (maxmemory %s) deletes queued events", n.Policy, bytesOf(n.MaxMemory)),
			"CONFIG SET maxmemory-policy noeviction, and the same in redis.conf")
	}
}

// queueMemory compares the memory with what a full queue needs: 1.5 times its size.
func queueMemory(f Facts, n redis.NodeFacts) result {
	nodes := int64(len(f.Queue.Nodes))
	need := f.Instance.QueueMaxBytes / nodes * 3 / 2 //nolint:mnd // half of it for the structure
	limit, name := n.MaxMemory, "maxmemory"
	if limit == 0 {
		limit, name = n.SystemMemory, "the memory of its machine"
	}
	text := fmt.Sprintf("%s is %s, a full queue needs %s", name, bytesOf(limit), bytesOf(need))
	switch {
	case limit == 0:
		return found(Unknown, "the memory of the server is not known", "allow the user +info")
	case limit < need:
		return found(Warning, text+": the server is full before broker.max_bytes", "raise maxmemory, or lower broker.max_bytes")
	default:
		return ok("%s", text)
	}
}

func replicas(f Facts, n redis.NodeFacts) result {
	need := f.Instance.QueueReplicas
	switch {
	case n.Unknown != "":
		return unknownNode(n)
	case n.Replicas < need:
		return found(Failure, fmt.Sprintf("%d of %d replicas are online: the queue accepts no events", n.Replicas, need), "start the replicas, or lower broker.min_replicas")
	case n.Replicas == 0:
		return found(Note, "no replica: the loss of its machine loses queued events", "add a replica, if queued events must survive that")
	case need == 0:
		return found(Note, fmt.Sprintf("%s online, and an event may be acknowledged before they have it; the slowest lacks %s", count(n.Replicas, "replica", "replicas"), bytesOf(n.Lag)),
			"a failover may lose queued events that were acknowledged")
	default:
		return ok("%s online, %d must have an event before the response", count(n.Replicas, "replica", "replicas"), need)
	}
}

func queueClock(_ Facts, n redis.NodeFacts) result {
	if n.RoundTrip == 0 {
		return found(Unknown, "the server rejects TIME", "allow the user +time")
	}
	return clocks("the queue", n.Skew, n.RoundTrip, "entries have the time of the queue")
}

func queueSize(f Facts) result {
	q, limits := f.Queue, f.Instance
	if q.SizeUnknown != "" {
		return found(Unknown, q.SizeUnknown, "")
	}
	text := fmt.Sprintf("%d of %d events and %s of %s are queued", q.Events, limits.QueueMaxEvents, bytesOf(q.Bytes), bytesOf(limits.QueueMaxBytes))
	const part, of = 4, 5
	if q.Events > limits.QueueMaxEvents/of*part || q.Bytes > limits.QueueMaxBytes/of*part {
		return found(Warning, text+": when the queue is full, requests get 503", "look why workers do not store them: the database, broker.workers and their log")
	}
	return ok("%s", text)
}

func deadLetters(f Facts) result {
	if f.Queue.DeadLetters > 0 {
		return found(Warning, count(int(f.Queue.DeadLetters), "event", "events")+" could not be stored", "eventagg deadletter list")
	}
	return ok("there are no dead letters")
}

func queueTLS(f Facts) result {
	for _, node := range f.Queue.Nodes {
		if end := node.CertificateExpires; !end.IsZero() {
			return expiry("the certificate of the queue", end, f.Now, "renew the certificate of the server")
		}
	}
	if f.Instance.QueueExposed {
		return found(Warning, "the connection to the queue is not encrypted: others on the network can read events and the password", "use rediss:// in broker.url")
	}
	return ok("the connection is encrypted or does not leave this machine")
}
