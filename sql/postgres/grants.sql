-- The role of `eventagg serve`, with only the rights that it needs. It can't change an
-- event or delete a single one, and can't create a table. It can drop old events as a
-- whole; leave out the line for retention if retention.max_age is not set. `eventagg migrate --print-grants` prints this
-- file with the names filled in.
--
-- Run it after each upgrade that has new tables, as an owner of the tables that may create
-- roles. Then set the password of the role: \password in psql.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') THEN
        CREATE ROLE :"role" LOGIN;
    END IF;
END $$;
GRANT CONNECT ON DATABASE :"database" TO :"role";
GRANT USAGE ON SCHEMA :"schema" TO :"role";
GRANT USAGE ON SEQUENCE :"schema".commit_numbers TO :"role";
GRANT SELECT, INSERT ON :"schema".topics, :"schema".identities, :"schema".events, :"schema".commits, :"schema".ticks TO :"role";
GRANT SELECT, INSERT, UPDATE ON :"schema".totals TO :"role";
GRANT SELECT, UPDATE ON :"schema".locks, :"schema".layout TO :"role"; -- row locks
GRANT SELECT, UPDATE ON :"schema".folded, :"schema".sums TO :"role";
GRANT SELECT, INSERT, DELETE ON :"schema".repeats, :"schema".deliveries TO :"role";
GRANT SELECT, INSERT, UPDATE, DELETE ON :"schema".duplicate_reports TO :"role";
GRANT SELECT, UPDATE ON :"schema".partitions TO :"role";
GRANT EXECUTE ON FUNCTION :"schema".drop_detached(), :"schema".narrow_partitions(interval), :"schema".drop_partition(timestamptz), :"schema".drop_log(bigint), :"schema".drop_identities(timestamptz, bigint, bigint) TO :"role"; -- retention
GRANT SELECT ON :"schema".shards, :"schema".retention, :"schema".eventagg_migrations TO :"role";
