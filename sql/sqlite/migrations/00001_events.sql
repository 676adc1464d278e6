-- +goose Up

-- One row for each distinct event, for ever. id is the order of the store:
-- there is one writer at a time, so ids are given in the order of COMMIT.
-- AUTOINCREMENT keeps an id from coming back.
CREATE TABLE events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at  INTEGER NOT NULL, -- microseconds since 1970, never less than in the row before
    occurred_at INTEGER NOT NULL, -- microseconds since 1970
    topic       TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    payload     TEXT    NOT NULL, -- the JSON text as sent: every digit of a number survives
    UNIQUE (topic, event_id)
) STRICT;

-- SQLite ends every entry of an index with the row's id: both of these are in
-- the order of the store within one topic, and for one moment.
CREATE INDEX events_topic ON events (topic);
CREATE INDEX events_created ON events (created_at);

-- Counters are rows of their own, changed in the transaction that stores the
-- events: a count of the events table would read all of it.
CREATE TABLE audit_stats (
    only_row         INTEGER PRIMARY KEY CHECK (only_row = 1),
    unique_events    INTEGER NOT NULL,
    duplicate_events INTEGER NOT NULL,
    topics           INTEGER NOT NULL -- rows of topic_stats
) STRICT;
INSERT INTO audit_stats VALUES (1, 0, 0, 0);

CREATE TABLE topic_stats (
    topic            TEXT    PRIMARY KEY,
    unique_events    INTEGER NOT NULL,
    duplicate_events INTEGER NOT NULL,
    first_seen       INTEGER NOT NULL, -- microseconds since 1970
    last_seen        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- "EvAg": the file tells what it is, to file(1) and to a start on the wrong one.
PRAGMA application_id = 1165377895;

-- +goose Down
DROP TABLE topic_stats;
DROP TABLE audit_stats;
DROP TABLE events;
PRAGMA application_id = 0;
