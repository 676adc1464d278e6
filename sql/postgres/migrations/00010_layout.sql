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

-- One row for each distinct event, for ever, also after its data was dropped. The
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
CREATE TABLE :"schema".partitions (
    name  text        PRIMARY KEY,
    lower timestamptz NOT NULL UNIQUE,
    upper timestamptz NOT NULL UNIQUE
);

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
    made := 'events_' || to_char(first AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MISS');
    EXECUTE format('CREATE TABLE %I.%I (LIKE %1$I.events INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE, '
        'CHECK (created_at >= %3$L AND created_at < %4$L))', :'schema', made, first, last);
    EXECUTE format('ALTER TABLE %I.events ATTACH PARTITION %1$I.%I FOR VALUES FROM (%L) TO (%L)', :'schema', made, first, last);
    INSERT INTO :"schema".partitions (name, lower, upper) VALUES (made, first, last);
    RETURN true;
END
$$;
-- +goose StatementEnd

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
DROP TABLE :"schema".duplicate_reports, :"schema".deliveries, :"schema".ticks, :"schema".folded, :"schema".sums, :"schema".totals, :"schema".repeats, :"schema".locks, :"schema".commits,
    :"schema".partitions, :"schema".events, :"schema".identities, :"schema".topics, :"schema".layout, :"schema".shards;
DROP SEQUENCE :"schema".commit_numbers;
