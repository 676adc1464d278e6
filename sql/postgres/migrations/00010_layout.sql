-- +goose Up

-- The second layout. Numbers start at 10 because the first layout used 1 and 2: a
-- database of that layout is refused (schema.go).

-- A time limit of the role, the database or the server must not stop a migration.
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout');

-- Topics belong to shards, for ever: the hash of a topic chooses the slot. The number
-- of shards is fixed when the database is made. Citus with shard_count=32 puts each of
-- these ids on a shard of its own, so the same layout can be distributed.
CREATE TABLE :"schema".shards (
    shard smallint PRIMARY KEY,
    slot  smallint NOT NULL UNIQUE
);
INSERT INTO :"schema".shards (shard, slot)
SELECT shard, slot - 1
FROM unnest('{0,1,2,3,4,5,6,8,9,10,11,13,16,17,18,21,22,24,27,28,31,36,37,39,41,48,50,52,58,62,85,136}'::smallint[])
    WITH ORDINALITY AS s (shard, slot);

-- What transactions lock until their COMMIT, and never write: a row for each shard, and
-- 64 rows for repeats, from 1000. A session has one of these; repeats have no place in
-- the order of a shard, so they need not wait for it.
CREATE TABLE :"schema".locks (lock smallint PRIMARY KEY);
INSERT INTO :"schema".locks (lock) SELECT shard FROM :"schema".shards UNION ALL SELECT generate_series(1000, 1063);

-- One row, which is locked to make a tick.
CREATE TABLE :"schema".layout (
    only_row boolean  PRIMARY KEY DEFAULT true CHECK (only_row),
    shards   smallint NOT NULL
);
INSERT INTO :"schema".layout (shards) SELECT count(*) FROM :"schema".shards;

-- The dictionary of topics. COLLATE "C" compares bytewise, as package event does, and
-- is faster than the rules of a locale.
CREATE TABLE :"schema".topics (
    topic_no integer  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard    smallint NOT NULL,
    topic    text     NOT NULL COLLATE "C" UNIQUE
);

-- One row for each distinct event, also after its data was dropped. The
-- primary key decides what is a duplicate. id is the byte 1 and 16 bytes if the
-- event_id is a canonical UUID, otherwise the byte 0 and the text.
CREATE TABLE :"schema".identities (
    created_at timestamptz NOT NULL,
    topic_no   integer     NOT NULL,
    place      integer     NOT NULL, -- with created_at and topic_no the address of the data
    digest     uuid        NOT NULL, -- of the content, see package digest
    id         bytea       NOT NULL,
    PRIMARY KEY (topic_no, id)
);

-- The data of the events, in partitions by time that are dropped whole. place is a
-- random number of the transaction (11 bits) and the index of the event in the append
-- (20 bits, from 1).
CREATE TABLE :"schema".events (
    created_at  timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL,
    topic_no    integer     NOT NULL,
    place       integer     NOT NULL,
    id          bytea       NOT NULL,
    source      text        NOT NULL COLLATE "C",
    -- json and not jsonb, because it keeps the text as sent, with every digit of
    -- a number, and needs a check instead of a conversion.
    payload     json        NOT NULL,
    PRIMARY KEY (topic_no, created_at, place)
) PARTITION BY RANGE (created_at);

-- The partitions, with their bounds as numbers that a query can compare.
-- stored is the number of their events up to the numbers in folded.
CREATE TABLE :"schema".partitions (
    name   text        PRIMARY KEY,
    lower  timestamptz NOT NULL UNIQUE,
    upper  timestamptz NOT NULL UNIQUE,
    stored bigint      NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

-- Partitions that retention has detached, and drops next.
CREATE TABLE :"schema".detached (name text PRIMARY KEY);

-- One row: what retention has dropped. A reader that finds the same number of drops
-- before and after it read has read around no drop.
CREATE TABLE :"schema".retention (
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    drops      bigint      NOT NULL, -- partitions that were dropped
    first_tick bigint      NOT NULL, -- all events in ticks before this one are dropped
    log_tick   bigint      NOT NULL, -- ticks before this one have no rows in commits any more
    data_from  timestamptz NOT NULL, -- all events created before are dropped
    -- The position of the last dropped event.
    last_tick  bigint      NOT NULL,
    last_n     bigint      NOT NULL,
    last_seq   integer     NOT NULL
);
INSERT INTO :"schema".retention (drops, first_tick, log_tick, data_from, last_tick, last_n, last_seq)
VALUES (0, 0, 0, '-infinity', 0, 0, 0);

-- Numbers of transactions. A transaction takes its number while it holds the locks of
-- its shards. In each shard, numbers therefore grow in the order of COMMIT, and a
-- number that is visible has all smaller ones of the shard before it.
CREATE SEQUENCE :"schema".commit_numbers;

-- The log of the transactions that stored events: a row for each topic, insert-only.
-- It is the order of each shard and of each topic, and it counts.
CREATE TABLE :"schema".commits (
    n          bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    after_tick bigint      NOT NULL, -- the transaction is in a tick after this one
    topic_no   integer     NOT NULL,
    base       integer     NOT NULL, -- the random number of the transaction, as in events.place
    stored     integer     NOT NULL,
    duplicates integer     NOT NULL,
    shard      smallint    NOT NULL,
    PRIMARY KEY (shard, n, topic_no)
);
CREATE INDEX commits_topic ON :"schema".commits (topic_no, n);
-- Finds the transaction of one event. Rows arrive almost in the order of created_at.
CREATE INDEX commits_created ON :"schema".commits USING brin (created_at) WITH (pages_per_range = 16, autosummarize = on);

-- The log of what stored nothing: repeats of a topic, and how many repeats had another
-- content. For each lock, numbers grow in the order of COMMIT.
CREATE TABLE :"schema".repeats (
    n          bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    topic_no   integer     NOT NULL,
    duplicates integer     NOT NULL,
    conflicts  integer     NOT NULL DEFAULT 0,
    lock       smallint    NOT NULL
);
CREATE INDEX repeats_lock ON :"schema".repeats (lock, n);

-- The counters of each topic up to the numbers in folded, which has one for each lock
-- and so for each part of the two logs. The totals are these and
-- what the logs have after those numbers. All change in one transaction now and then.
CREATE TABLE :"schema".totals (
    topic_no   integer     PRIMARY KEY,
    stored     bigint      NOT NULL,
    duplicates bigint      NOT NULL,
    conflicts  bigint      NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL
) WITH (fillfactor = 50);
-- One row: the sums of totals, so that reading them does not read all topics.
CREATE TABLE :"schema".sums (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    stored     bigint  NOT NULL,
    duplicates bigint  NOT NULL,
    conflicts  bigint  NOT NULL,
    topics     bigint  NOT NULL
) WITH (fillfactor = 10);
INSERT INTO :"schema".sums (stored, duplicates, conflicts, topics) VALUES (0, 0, 0, 0);
CREATE TABLE :"schema".folded (
    lock smallint PRIMARY KEY,
    n    bigint   NOT NULL
) WITH (fillfactor = 50);
INSERT INTO :"schema".folded (lock, n) SELECT lock, 0 FROM :"schema".locks;

-- One order of all shards. A tick is what a snapshot shows: in each shard, the
-- transactions with numbers after bases up to heads. The order of all events is
-- (tick, n, place). Only shards with new transactions are in a tick, except in every
-- 64th, which has all of them.
CREATE TABLE :"schema".ticks (
    tick        bigint      PRIMARY KEY,
    fingerprint integer     NOT NULL, -- random: the same number after a restore is another tick
    was         integer,              -- the fingerprint before events at or after the tick were dropped
    oldest      timestamptz NOT NULL, -- created_at of the events in it
    newest      timestamptz NOT NULL,
    shards      smallint[]  NOT NULL,
    bases       bigint[]    NOT NULL,
    heads       bigint[]    NOT NULL
);
CREATE INDEX ticks_times ON :"schema".ticks USING brin (oldest, newest) WITH (pages_per_range = 16, autosummarize = on);

-- The deliveries of a queue, remembered in the transaction that stores their
-- events, so that a redelivery is recognised. A row lives for minutes, until the
-- queue can't deliver it again.
CREATE TABLE :"schema".deliveries (
    id        uuid        PRIMARY KEY,
    queued_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

-- Which keys were repeated, how often, when and from where, for people. It is bounded and
-- best effort: reports are gathered in memory and written behind the responses. Nothing
-- depends on it, and it may be emptied at any time.
CREATE TABLE :"schema".duplicate_reports (
    topic_no   integer     NOT NULL,
    id         bytea       NOT NULL, -- as in identities
    repeats    bigint      NOT NULL,
    conflicts  bigint      NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL,
    sources    text[]      NOT NULL, -- of the repeats, at most 8
    differing  text[]      NOT NULL, -- members in which conflicts differ, at most 16
    PRIMARY KEY (topic_no, id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
CREATE INDEX duplicate_reports_newest ON :"schema".duplicate_reports (last_seen, topic_no, id);
CREATE INDEX duplicate_reports_conflicts ON :"schema".duplicate_reports (last_seen, topic_no, id) WHERE conflicts > 0;
-- What the writers of reports lock, so that they take turns.
INSERT INTO :"schema".locks (lock) VALUES (2000);

-- Makes the partition for a moment, unless it exists, and returns whether it made one.
-- It runs with the rights of the owner of the tables: the role of the server needs
-- none to create tables. ATTACH does not wait for running appends, as CREATE TABLE …
-- PARTITION OF would.
-- +goose StatementBegin
CREATE FUNCTION :"schema".make_partition(moment timestamptz, width interval) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first timestamptz := date_bin(width, moment, '2000-01-03 00:00:00+00'); -- a Monday
    last  timestamptz := date_bin(width, moment, '2000-01-03 00:00:00+00') + width;
    made  text;
BEGIN
    LOCK TABLE :"schema".partitions IN EXCLUSIVE MODE; -- one at a time
    IF EXISTS (SELECT FROM :"schema".partitions AS p WHERE p.lower <= moment AND p.upper > moment) THEN
        RETURN false;
    END IF;
    -- The width may have been another one before.
    first := greatest(first, (SELECT max(p.upper) FROM :"schema".partitions AS p WHERE p.upper <= moment));
    last := least(last, (SELECT min(p.lower) FROM :"schema".partitions AS p WHERE p.lower > moment));
    made := 'events_' || regexp_replace(to_char(first AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MISS_US'), '_000000$', '');
    EXECUTE format('CREATE TABLE %I.%I (LIKE %1$I.events INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE, '
        'CHECK (created_at >= %3$L AND created_at < %4$L))', :'schema', made, first, last);
    EXECUTE format('ALTER TABLE %I.events ATTACH PARTITION %1$I.%I FOR VALUES FROM (%L) TO (%L)', :'schema', made, first, last);
    INSERT INTO :"schema".partitions (name, lower, upper) VALUES (made, first, last);
    RETURN true;
END
$$;
-- +goose StatementEnd

-- The next functions are retention. They run with the rights of the owner of the
-- tables, do one bounded step each, and can be repeated after a crash. A row lock lets
-- one instance at a time do it: state is 'busy' for others.

-- Detaches the oldest partition if all of it was created before a moment. state is
-- 'dropped', 'none' if there is no such partition, or 'again' if the caller must first
-- make a tick of all events, fold the logs, and roll this transaction back.
--
-- Appends wait for the lock on the events. So it is held for the catalog only: with
-- DROP TABLE here, a COMMIT would also wait for the disk. A report that runs longer than
-- lock_timeout makes this fail (55P03), and appends wait for lock_timeout at most.
--
-- The order by ticks is not quite that of created_at. So a tick can have both dropped
-- events and others. All ticks from the first one with other events to the last one with
-- dropped events get new fingerprints. A follower that was there before the drop has the
-- old one, and gets an error; one that comes later has the new one.
-- +goose StatementBegin
CREATE FUNCTION :"schema".drop_partition(before timestamptz, OUT state text, OUT name text, OUT removed bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
    oldest     record;
    kept_from  timestamptz;
    seen_tick  bigint;
    first_kept bigint;
    last_gone  bigint;
    gone_n     bigint := 0;
    gone_seq   integer := 0;
BEGIN
    state := 'busy';
    SELECT r.first_tick INTO first_kept FROM :"schema".retention AS r FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    state := 'none';
    SELECT p.name, p.lower, p.upper INTO oldest FROM :"schema".partitions AS p ORDER BY p.lower LIMIT 1;
    IF NOT FOUND OR oldest.upper > least(before, now()) THEN
        RETURN;
    END IF;
    SELECT coalesce(min(p.lower), oldest.upper) INTO kept_from FROM :"schema".partitions AS p WHERE p.lower > oldest.lower;
    SELECT coalesce(max(t.tick), 0) INTO seen_tick FROM :"schema".ticks AS t;
    SELECT coalesce(min(t.tick), seen_tick + 1) INTO first_kept
    FROM :"schema".ticks AS t WHERE t.tick >= first_kept AND t.newest >= kept_from;
    SELECT max(t.tick) INTO last_gone FROM :"schema".ticks AS t WHERE t.newest >= oldest.lower AND t.oldest < oldest.upper;
    SELECT c.n, (
        SELECT max(e.place & 1048575) FROM :"schema".commits AS o CROSS JOIN LATERAL (
            SELECT place FROM :"schema".events
            WHERE topic_no = o.topic_no AND created_at = o.created_at AND place > o.base AND place <= o.base | 1048575 OFFSET 0
        ) AS e
        WHERE o.shard = ANY (t.shards) AND o.n = c.n
    ) INTO gone_n, gone_seq
    FROM :"schema".ticks AS t
    CROSS JOIN unnest(t.shards, t.bases, t.heads) AS m (shard, base, head)
    CROSS JOIN LATERAL (
        SELECT n FROM :"schema".commits
        WHERE shard = m.shard AND n > m.base AND n <= m.head AND created_at >= oldest.lower AND created_at < oldest.upper
        ORDER BY n DESC LIMIT 1
    ) AS c
    WHERE t.tick = last_gone
    ORDER BY c.n DESC LIMIT 1;
    UPDATE :"schema".ticks AS t SET was = t.fingerprint, fingerprint = 1 + (random() * 2147483646)::integer
    WHERE t.tick >= first_kept - 1 AND t.tick <= last_gone;

    PERFORM FROM :"schema".sums FOR UPDATE; -- no fold at the same time
    LOCK TABLE :"schema".partitions IN EXCLUSIVE MODE;
    LOCK TABLE :"schema".events IN ACCESS EXCLUSIVE MODE;
    -- Every event of the partition must be in a tick that was seen, and be folded.
    IF EXISTS (
        SELECT FROM :"schema".folded AS f
        JOIN :"schema".shards AS s ON s.shard = f.lock
        LEFT JOIN (
            SELECT m.shard, max(m.head) AS head
            FROM :"schema".ticks AS t CROSS JOIN unnest(t.shards, t.heads) AS m (shard, head)
            WHERE t.tick >= seen_tick / 64 * 64 AND t.tick <= seen_tick
            GROUP BY m.shard
        ) AS k USING (shard)
        WHERE f.n < coalesce(k.head, 0) OR EXISTS (
            SELECT FROM :"schema".commits AS c WHERE c.shard = s.shard AND c.n > coalesce(k.head, 0) AND c.created_at < oldest.upper
        )
    ) THEN
        state := 'again';
        RETURN;
    END IF;
    EXECUTE format('ALTER TABLE %I.events DETACH PARTITION %1$I.%I', :'schema', oldest.name);
    INSERT INTO :"schema".detached (name) VALUES (oldest.name);
    DELETE FROM :"schema".partitions AS p WHERE p.name = oldest.name RETURNING p.stored INTO removed; -- folded meanwhile, perhaps
    UPDATE :"schema".retention AS r SET
        drops = r.drops + 1, first_tick = greatest(r.first_tick, first_kept), data_from = greatest(r.data_from, oldest.upper);
    UPDATE :"schema".retention AS r SET last_tick = last_gone, last_n = coalesce(gone_n, 0), last_seq = coalesce(gone_seq, 0)
    WHERE (last_gone, coalesce(gone_n, 0), coalesce(gone_seq, 0)) > (r.last_tick, r.last_n, r.last_seq);
    state := 'dropped';
    name := oldest.name;
END
$$;
-- +goose StatementEnd

-- Drops the tables of detached partitions, and returns their number.
-- +goose StatementBegin
CREATE FUNCTION :"schema".drop_detached() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
    gone    record;
    dropped integer := 0;
BEGIN
    FOR gone IN SELECT d.name FROM :"schema".detached AS d FOR UPDATE SKIP LOCKED LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I.%I', :'schema', gone.name);
        DELETE FROM :"schema".detached AS d WHERE d.name = gone.name;
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
-- +goose StatementEnd

-- Drops partitions that have no events, end in the future and are longer than width, so
-- that make_partition makes shorter ones. It returns their number.
-- +goose StatementBegin
CREATE FUNCTION :"schema".narrow_partitions(width interval) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
    long    record;
    has_row boolean;
    dropped integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM :"schema".partitions AS p WHERE p.upper > now() AND p.upper - p.lower > width AND p.stored = 0) THEN
        RETURN 0;
    END IF;
    LOCK TABLE :"schema".partitions IN EXCLUSIVE MODE;
    LOCK TABLE :"schema".events IN ACCESS EXCLUSIVE MODE;
    FOR long IN
        SELECT p.name FROM :"schema".partitions AS p WHERE p.upper > now() AND p.upper - p.lower > width AND p.stored = 0
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.%I)', :'schema', long.name) INTO has_row;
        IF NOT has_row THEN
            EXECUTE format('DROP TABLE %I.%I', :'schema', long.name);
            DELETE FROM :"schema".partitions AS p WHERE p.name = long.name;
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
END
$$;
-- +goose StatementEnd

-- Deletes the rows of commits and ticks that are about dropped events only: those of
-- whole ticks, until at least maximum rows are deleted. Ticks are kept from the last
-- 64th one on, which has all shards. deleted is 0 if there are none left.
-- +goose StatementBegin
CREATE FUNCTION :"schema".drop_log(maximum bigint, OUT state text, OUT deleted bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    done  record;
    next  record;
    count bigint;
BEGIN
    state := 'busy';
    deleted := 0;
    SELECT r.first_tick, r.log_tick INTO done FROM :"schema".retention AS r FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    state := 'done';
    FOR next IN
        SELECT t.tick, t.shards, t.bases, t.heads FROM :"schema".ticks AS t
        WHERE t.tick >= done.log_tick AND t.tick < done.first_tick ORDER BY t.tick LIMIT maximum
    LOOP
        DELETE FROM :"schema".commits AS c USING unnest(next.shards, next.bases, next.heads) AS m (shard, base, head)
        WHERE c.shard = m.shard AND c.n > m.base AND c.n <= m.head;
        GET DIAGNOSTICS count = ROW_COUNT;
        deleted := deleted + count;
        done.log_tick := next.tick + 1;
        EXIT WHEN deleted >= maximum;
    END LOOP;
    DELETE FROM :"schema".ticks AS t WHERE t.tick < (done.log_tick - 1) / 64 * 64;
    GET DIAGNOSTICS count = ROW_COUNT;
    deleted := deleted + count;
    IF deleted > 0 THEN
        UPDATE :"schema".retention SET log_tick = done.log_tick;
    END IF;
END
$$;
-- +goose StatementEnd

-- Deletes identities that were created before a moment, in the pages of the table from
-- the first to, not including, the last one. An identity stays at least as long as the
-- data of its event: otherwise a repeat would be stored beside it.
-- +goose StatementBegin
CREATE FUNCTION :"schema".drop_identities(before timestamptz, first bigint, last bigint, OUT state text, OUT deleted bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    state := 'busy';
    deleted := 0;
    PERFORM FROM :"schema".retention FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    state := 'done';
    DELETE FROM :"schema".identities AS i
    WHERE i.ctid >= format('(%s,0)', first)::tid AND i.ctid < format('(%s,0)', last)::tid
      AND i.created_at < least(before, (SELECT data_from FROM :"schema".retention), (SELECT min(p.lower) FROM :"schema".partitions AS p));
    GET DIAGNOSTICS deleted = ROW_COUNT;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION :"schema".drop_detached(), :"schema".narrow_partitions(interval), :"schema".drop_partition(timestamptz), :"schema".drop_log(bigint), :"schema".drop_identities(timestamptz, bigint, bigint) FROM PUBLIC;

-- The text of a stored event_id.
-- +goose StatementBegin
CREATE FUNCTION :"schema".event_id_text(id bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE get_byte(id, 0)
        WHEN 1 THEN encode(substr(id, 2), 'hex')::uuid::text
        ELSE convert_from(substr(id, 2), 'UTF8')
    END
$$;
-- +goose StatementEnd

-- The stored events with plain columns, for people and programs that use SQL.
CREATE VIEW :"schema".event_log AS
SELECT t.topic, :"schema".event_id_text(e.id) AS event_id, e.occurred_at AS "timestamp", e.source, e.payload, e.created_at
FROM :"schema".events AS e JOIN :"schema".topics AS t USING (topic_no);

SELECT :"schema".make_partition(now() + ahead * interval '7 days', interval '7 days') FROM generate_series(0, 4) AS ahead;

-- +goose Down
DROP VIEW :"schema".event_log;
DROP FUNCTION :"schema".event_id_text(bytea);
DROP FUNCTION :"schema".make_partition(timestamptz, interval);
DROP FUNCTION :"schema".drop_detached(), :"schema".narrow_partitions(interval), :"schema".drop_partition(timestamptz), :"schema".drop_log(bigint), :"schema".drop_identities(timestamptz, bigint, bigint);
DROP TABLE :"schema".duplicate_reports, :"schema".deliveries, :"schema".ticks, :"schema".folded, :"schema".sums, :"schema".totals, :"schema".repeats, :"schema".locks, :"schema".commits,
    :"schema".partitions, :"schema".detached, :"schema".retention, :"schema".events, :"schema".identities, :"schema".topics, :"schema".layout, :"schema".shards;
DROP SEQUENCE :"schema".commit_numbers;
