package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eventagg/eventagg/pkg/store/postgres"
)

// postgresRules are the checks of PostgreSQL: first the settings that decide about
// losing events, then the state of the server.
func postgresRules() []rule {
	return append([]rule{
		{check: "usable", judge: usableDatabase},
		{check: "version", part: postgres.FactsSettings, judge: func(f Facts) result { return ok("PostgreSQL %s", f.Postgres.Version) }},
		{check: "encoding", judge: encoding},
		{check: "fsync", part: postgres.FactsSettings, weakens: true, judge: fsyncOn},
		{check: "full_page_writes", part: postgres.FactsSettings, weakens: true, judge: fullPages},
		{check: "synchronous_commit", part: postgres.FactsSettings, weakens: true, judge: synchronousCommit},
		{check: "synchronous_commit of role and database", part: postgres.FactsOverrides, weakens: true, judge: overrides},
		{check: "synchronous standbys", part: postgres.FactsStandbys, weakens: true, judge: standbys},
		{check: "data checksums", part: postgres.FactsSettings, judge: checksums},
		{check: "damaged data", part: postgres.FactsSettings, weakens: true, judge: damage},
		{check: "tables", part: postgres.FactsTables, weakens: true, judge: tables},
		{check: "triggers and rules", part: postgres.FactsTables, judge: triggers},
		{check: "indexes", part: postgres.FactsTables, judge: indexes},
		{check: "extensions", part: postgres.FactsExtensions, judge: extensions},
	}, postgresStateRules()...)
}

func usableDatabase(f Facts) result {
	switch p := f.Postgres; {
	case p.Unusable != nil:
		return found(Failure, strings.TrimSuffix(p.Unusable.Error(), ": store unavailable"), "do what the finding says")
	case p.NoTables && !p.MayCreate:
		return found(Failure, "there are no tables yet, and the role may not create them in schema "+p.Schema,
			"run 'eventagg migrate' as the owner of the database, or GRANT CREATE ON SCHEMA "+p.Schema)
	case p.NoTables && !f.Instance.Migrate:
		return found(Failure, "there are no tables yet, and serve does not create them (database.migrate is false)", "run 'eventagg migrate'")
	case p.NoTables:
		return found(Note, "there are no tables yet", "serve creates them at start, or run 'eventagg migrate'")
	default:
		return ok("the role has every right on the tables in schema %s, which have this version", p.Schema)
	}
}

func encoding(f Facts) result {
	if f.Postgres.Encoding == "SQL_ASCII" {
		return found(Note, "the encoding is SQL_ASCII: every byte is stored unchanged, but other programs may store text that is not UTF-8",
			"for a new database use CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0")
	}
	return ok("the encoding is %s", f.Postgres.Encoding) // others are not usable
}

// setting judges a setting that must be on.
func setting(f Facts, name, consequence, fix string) result {
	if f.Postgres.Settings[name] == off {
		return found(Failure, name+" is off: "+consequence, fix)
	}
	return ok("%s is %s", name, f.Postgres.Settings[name])
}

func fsyncOn(f Facts) result {
	return setting(f, fsync, "power loss or a crash of the machine loses or damages stored events",
		"set fsync = on in postgresql.conf and reload the server")
}

func fullPages(f Facts) result {
	return setting(f, fullPageWrites, "after power loss, pages that were written in part can't be repaired",
		"set full_page_writes = on in postgresql.conf and reload the server, unless the file system writes 8 KiB pages atomically (ZFS)")
}

func synchronousCommit(f Facts) result {
	p := f.Postgres
	given := p.Settings["synchronous_commit"]
	switch {
	case p.SynchronousCommit == "remote_write" && p.Settings[syncNames] != "":
		return found(Warning, "synchronous_commit is remote_write: a standby confirms a commit that it has only in memory",
			"set synchronous_commit = on")
	case given != p.SynchronousCommit:
		return found(Warning, fmt.Sprintf("synchronous_commit is %s for this role; eventagg commits with %s nevertheless", given, p.SynchronousCommit),
			"set synchronous_commit = on, so that no other program loses commits, either")
	default:
		return ok("eventagg commits with synchronous_commit %s", p.SynchronousCommit)
	}
}

func overrides(f Facts) result {
	var weak []string
	for _, o := range f.Postgres.Overrides {
		if o.Value != off && o.Value != "local" {
			continue
		}
		var whose []string
		if o.Role != "" {
			whose = append(whose, "role "+o.Role)
		}
		if o.Database != "" {
			whose = append(whose, "database "+o.Database)
		}
		weak = append(weak, o.Value+" for "+strings.Join(whose, " in "))
	}
	if len(weak) == 0 {
		return ok("no role or database has a weaker synchronous_commit of its own")
	}
	return found(Warning, "synchronous_commit is "+strings.Join(weak, ", ")+"; eventagg commits with "+f.Postgres.SynchronousCommit+" nevertheless",
		"ALTER ROLE or ALTER DATABASE … RESET synchronous_commit")
}

func standbys(f Facts) result {
	p := f.Postgres
	names := p.Settings[syncNames]
	have := inSync(p.Standbys)
	switch {
	case p.Standby:
		return found(Unknown, "the server is a standby itself", "run doctor on the primary")
	case names == "" && len(p.Standbys) == 0:
		return found(Note, "no standby: the loss of the machine loses events since the last backup",
			"add a standby and name it in synchronous_standby_names, if events must survive that")
	case names == "":
		return found(Note, fmt.Sprintf("%s asynchronous; the slowest lacks %s, which a failover loses", count(len(p.Standbys), "standby", "standbys"), bytesOf(maxLag(p.Standbys))),
			"name a standby in synchronous_standby_names, if a failover must lose nothing")
	case hidden(p.Standbys):
		return found(Unknown, "the role may not see the state of the standbys", "GRANT pg_monitor to the role of database.url")
	case len(have) < needed(names):
		return found(Failure, fmt.Sprintf("%d of %d synchronous standbys are connected (synchronous_standby_names is %q): commits wait, and requests get 503",
			len(have), needed(names), names), "start the standbys, or remove them from synchronous_standby_names")
	case len(have) == needed(names) && len(p.Standbys) == len(have):
		return found(Note, count(len(have), "synchronous standby", "synchronous standbys")+"; if one fails, commits wait",
			"add a further standby, such as ANY 1 (a, b), if events must be stored while one is down")
	default:
		return ok("%s, and %d more", count(len(have), "synchronous standby", "synchronous standbys"), len(p.Standbys)-len(have))
	}
}

// hidden reports whether the role sees that there are standbys, and not their state.
func hidden(all []postgres.Standby) bool {
	for _, s := range all {
		if s.State == "" {
			return true
		}
	}
	return false
}

// count formats a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func checksums(f Facts) result {
	if f.Postgres.Settings["data_checksums"] == off {
		return found(Note, "data checksums are off: pages that the disk has damaged are not noticed when they are read",
			"stop the server and run pg_checksums --enable")
	}
	return ok("data checksums are on")
}

// damage finds settings that make the server continue after it has lost data.
func damage(f Facts) result {
	var on []string
	for _, name := range []string{"data_sync_retry", "zero_damaged_pages", "ignore_checksum_failure"} {
		if f.Postgres.Settings[name] == "on" {
			on = append(on, name)
		}
	}
	if len(on) == 0 {
		return ok("the server stops when it can't sync or read a page")
	}
	return found(Warning, strings.Join(on, ", ")+" is on: the server continues after it has lost data", "set it to off")
}

func tables(f Facts) result {
	unlogged := namesOf(f.Postgres.Tables, func(t postgres.Table) bool { return t.Unlogged })
	secured := namesOf(f.Postgres.Tables, func(t postgres.Table) bool { return t.Secured })
	switch {
	case unlogged != "":
		return found(Failure, "tables are unlogged: "+unlogged+"; a crash of the database empties them", "ALTER TABLE … SET LOGGED")
	case secured != "":
		return found(Warning, "row security is on for "+secured+": eventagg may not see stored events and store them again",
			"ALTER TABLE … DISABLE ROW LEVEL SECURITY")
	default:
		return ok("all %d tables of the schema survive a crash", len(f.Postgres.Tables))
	}
}

func triggers(f Facts) result {
	with := namesOf(f.Postgres.Tables, func(t postgres.Table) bool { return t.Triggers != "" || t.Rules != "" })
	if with == "" {
		return ok("no table has triggers or rules")
	}
	return found(Warning, "triggers or rules that eventagg did not make are on "+with+"; they can change, reject or drop events",
		"drop them, or make sure that they change no row")
}

func indexes(f Facts) result {
	var invalid []string
	for _, t := range f.Postgres.Tables {
		if t.InvalidIndexes != "" {
			invalid = append(invalid, t.InvalidIndexes)
		}
	}
	if len(invalid) == 0 {
		return ok("all indexes are valid")
	}
	return found(Warning, "indexes are not valid: "+strings.Join(invalid, ", "), "REINDEX INDEX CONCURRENTLY …")
}

func extensions(f Facts) result {
	if f.Postgres.Extensions == "" {
		return ok("eventagg needs no extension, and there is none")
	}
	return ok("eventagg needs no extension; there are %s", f.Postgres.Extensions)
}
