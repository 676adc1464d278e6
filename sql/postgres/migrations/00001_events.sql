-- +goose Up

-- A time limit of the role, the database or the server must not stop a migration.
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout');

-- One row for each distinct event, for ever. COLLATE "C" compares keys bytewise, as
-- package event does, and is faster than the rules of a locale.
CREATE TABLE :"schema".events (
    -- The order of the store: the transaction that stored the event, and the
    -- event's number in it. A sequence would not do: its numbers are drawn before
    -- COMMIT, so number 7 may become visible after number 8.
    xid         xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq         integer     NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    occurred_at timestamptz NOT NULL,
    topic       text        NOT NULL COLLATE "C",
    event_id    text        NOT NULL COLLATE "C",
    source      text        NOT NULL COLLATE "C",
    -- json and not jsonb, because it keeps the text as sent, with every digit of
    -- a number, and needs a check instead of a conversion.
    payload     json        NOT NULL,
    PRIMARY KEY (topic, event_id)
);

CREATE INDEX events_order ON :"schema".events (xid, seq);
CREATE INDEX events_topic_order ON :"schema".events (topic, xid, seq);
-- Rows arrive almost in the order of created_at, so an index of block ranges finds
-- a time span and costs the writer almost nothing.
CREATE INDEX events_created ON :"schema".events USING brin (created_at);

-- Counters are rows, updated in the transaction that stores the events. Counting
-- the rows of the events table would read all of it. Each counter is spread over
-- shards, because one hot row would make all writers wait for each other's COMMIT.
-- A reader adds the shards up. The counters have no index and the pages are half
-- empty, so that an update stays on its page (HOT).
CREATE TABLE :"schema".audit_stats (
    shard      smallint PRIMARY KEY,
    received   bigint   NOT NULL,
    duplicates bigint   NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE :"schema".topic_stats (
    topic      text        NOT NULL COLLATE "C",
    shard      smallint    NOT NULL,
    received   bigint      NOT NULL,
    duplicates bigint      NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL,
    PRIMARY KEY (topic, shard)
) WITH (fillfactor = 50);

-- +goose Down
DROP TABLE :"schema".topic_stats;
DROP TABLE :"schema".audit_stats;
DROP TABLE :"schema".events;
