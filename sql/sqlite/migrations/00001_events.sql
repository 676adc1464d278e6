-- +goose Up

-- One row for each distinct event, for ever. id is the order of the store: there
-- is one writer at a time, so ids are assigned in the order of COMMIT.
-- AUTOINCREMENT prevents that an id is used again.
CREATE TABLE events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at  INTEGER NOT NULL, -- microseconds since 1970
    occurred_at INTEGER NOT NULL, -- microseconds since 1970
    topic       TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    payload     TEXT    NOT NULL, -- the JSON text as sent, with every digit of a number
    UNIQUE (topic, event_id)
) STRICT;

-- SQLite appends the row's id to every index entry. So the entries of one topic,
-- or of one time, are in the order of the store.
CREATE INDEX events_topic ON events (topic);
CREATE INDEX events_created ON events (created_at);

-- Counters are rows, updated in the transaction that stores the events. Counting
-- the rows of the events table would read all of it.
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

-- "EvAg" identifies the file, for file(1) and for a start with the wrong file.
PRAGMA application_id = 1165377895;

-- +goose Down
DROP TABLE topic_stats;
DROP TABLE audit_stats;
DROP TABLE events;
PRAGMA application_id = 0;
