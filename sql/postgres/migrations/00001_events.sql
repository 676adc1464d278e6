-- +goose Up

-- One row for each distinct event, for ever. COLLATE "C" makes the database
-- compare keys bytewise, as package event does, and spares it the locale.
CREATE TABLE events (
    -- The order of the store: the transaction that stored the event, and the
    -- event's place in it. Not a sequence: that is drawn before COMMIT, so a
    -- reader that has seen number 8 may yet miss number 7.
    xid         xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq         integer     NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    occurred_at timestamptz NOT NULL,
    topic       text        NOT NULL COLLATE "C",
    event_id    text        NOT NULL COLLATE "C",
    source      text        NOT NULL COLLATE "C",
    -- json, not jsonb: it keeps the text as sent, every digit of a number
    -- included, and costs the writer a check instead of a conversion.
    payload     json        NOT NULL,
    PRIMARY KEY (topic, event_id)
);

CREATE INDEX events_order ON events (xid, seq);
CREATE INDEX events_topic_order ON events (topic, xid, seq);
-- Rows arrive in nearly the order of created_at, so block ranges find a time
-- span at next to no cost for the writer.
CREATE INDEX events_created ON events USING brin (created_at);

-- Counters are rows of their own, changed in the transaction that stores the
-- events: a count of the events table would read all of it. Each is spread over
-- shards, since one hot row would make all writers wait for each other's
-- COMMIT; a reader adds them up. No index is on a counter and the pages are
-- half empty, so that updates stay on their page (HOT).
CREATE TABLE audit_stats (
    shard      smallint PRIMARY KEY,
    received   bigint   NOT NULL,
    duplicates bigint   NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE topic_stats (
    topic      text        NOT NULL COLLATE "C",
    shard      smallint    NOT NULL,
    received   bigint      NOT NULL,
    duplicates bigint      NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL,
    PRIMARY KEY (topic, shard)
) WITH (fillfactor = 50);

-- +goose Down
DROP TABLE topic_stats;
DROP TABLE audit_stats;
DROP TABLE events;
