package redis

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	"embed"
	"encoding/hex"
	"fmt"
)

//go:embed lua/*.lua
var programs embed.FS

// script is a Lua program. The server runs it in one step and writes its effects to
// the append-only file together.
type script struct{ source, sha string }

// scripts are all scripts. A server that has reached maxmemory rejects a command that
// needs memory only if the script has written nothing before. So append starts with
// XADD, which is rejected before anything is written. The others start with XACK or
// XDEL, so the queue can be emptied when memory is full.
type scripts struct {
	append, acknowledge, split, deadLetter, retry, drop script
	size, purge                                         script
	renew, recover, claim, leave, prune, watermark      script
}

func newScripts() (scripts, error) {
	var s scripts
	follow, err := programs.ReadFile("lua/follow.lua")
	if err != nil {
		return s, fmt.Errorf("read script: %w", err)
	}
	for name, to := range map[string]*script{
		"append": &s.append, "acknowledge": &s.acknowledge, "split": &s.split, "deadletter": &s.deadLetter, "retry": &s.retry, "drop": &s.drop,
		"renew": &s.renew, "recover": &s.recover, "claim": &s.claim, "leave": &s.leave, "prune": &s.prune, "watermark": &s.watermark,
		"size": &s.size, "purge": &s.purge,
	} {
		source, err := programs.ReadFile("lua/" + name + ".lua")
		if err != nil {
			return s, fmt.Errorf("read script: %w", err)
		}
		source = bytes.Replace(source, []byte("-- include follow.lua\n"), follow, 1)
		sum := sha1.Sum(source) //nolint:gosec // Redis names scripts by it
		*to = script{source: string(source), sha: hex.EncodeToString(sum[:])}
	}
	return s, nil
}
