package redis

import (
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	"embed"
	"encoding/hex"
	"fmt"
)

//go:embed lua/*.lua
var programs embed.FS

// script is a Lua program that the server runs as one step, after which its
// effects are in the append-only file together.
type script struct{ source, sha string }

// scripts are all there are. A server that reached maxmemory refuses the first
// command of a script that would take memory, and none after a first write. So
// the first write of append is XADD, refused with nothing done, and that of the
// others XACK or XDEL: what empties the queue works when memory is full.
type scripts struct {
	append, acknowledge, split, deadLetter, retry, drop script
	renew, recover, claim, leave, prune, watermark      script
}

func newScripts() (scripts, error) {
	var s scripts
	for name, to := range map[string]*script{
		"append": &s.append, "acknowledge": &s.acknowledge, "split": &s.split, "deadletter": &s.deadLetter, "retry": &s.retry, "drop": &s.drop,
		"renew": &s.renew, "recover": &s.recover, "claim": &s.claim, "leave": &s.leave, "prune": &s.prune, "watermark": &s.watermark,
	} {
		source, err := programs.ReadFile("lua/" + name + ".lua")
		if err != nil {
			return s, fmt.Errorf("read a script: %w", err)
		}
		sum := sha1.Sum(source) //nolint:gosec // Redis names scripts by it
		*to = script{source: string(source), sha: hex.EncodeToString(sum[:])}
	}
	return s, nil
}
