-- +goose Up

-- The second layout. Numbers start at 10 because the first layout used 1 to 3: a file
-- of that layout is refused (migrate.go).

-- The topics with their counters, updated in the transaction that stores the events.
-- Counting the rows of the events table would read all of it.
CREATE TABLE topics (
    topic_no         INTEGER PRIMARY KEY,
    topic            TEXT    NOT NULL UNIQUE,
    stored_events    INTEGER NOT NULL,
    duplicate_events INTEGER NOT NULL,
    conflict_events  INTEGER NOT NULL, -- those duplicates whose content differs
    first_seen       INTEGER NOT NULL, -- microseconds since 1970
    last_seen        INTEGER NOT NULL
) STRICT;

CREATE TABLE totals (
    only_row         INTEGER PRIMARY KEY CHECK (only_row = 1),
    stored_events    INTEGER NOT NULL,
    duplicate_events INTEGER NOT NULL,
    conflict_events  INTEGER NOT NULL,
    topics           INTEGER NOT NULL, -- rows of topics, which is also the last topic_no
    last_id          INTEGER NOT NULL, -- of the newest event, also after its data was dropped
    dropped_events   INTEGER NOT NULL, -- those stored events whose data was dropped
    dropped_id       INTEGER NOT NULL, -- of the last of them: those up to it have no data
    dropped_at       INTEGER           -- created_at of that event
) STRICT;
INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0, 0, 0, NULL);

-- One row for each distinct event, also after its data was dropped. The
-- primary key decides what is a duplicate. event_id is a blob of 16 bytes if it is a
-- canonical UUID, otherwise the text. A blob and a text are never equal.
CREATE TABLE identities (
    topic_no INTEGER NOT NULL,
    event_id ANY     NOT NULL,
    event    INTEGER NOT NULL, -- events.id
    digest   BLOB    NOT NULL, -- of the content, see package digest
    PRIMARY KEY (topic_no, event_id)
) STRICT, WITHOUT ROWID;

-- The data of the events. id is the order of the store: there is one writer at a
-- time, so ids are assigned in the order of COMMIT. The next one is after
-- totals.last_id, so that no id is used again. Duplicates can leave gaps.
CREATE TABLE events (
    id          INTEGER PRIMARY KEY,
    created_at  INTEGER NOT NULL, -- microseconds since 1970
    occurred_at INTEGER NOT NULL, -- microseconds since 1970
    topic_no    INTEGER NOT NULL,
    event_id    ANY     NOT NULL, -- as in identities
    source      TEXT    NOT NULL,
    payload     TEXT    NOT NULL  -- the JSON text as sent, with every digit of a number
) STRICT;

-- SQLite appends the row's id to every index entry. So the entries of one topic are in
-- the order of the store.
CREATE INDEX events_topic ON events (topic_no);

-- The earliest and the latest created_at in each block of 4,096 ids. The clock can
-- be set back, so created_at is not in the order of ids, and one event with a wrong
-- time must not change that of others. A read with bounds on created_at skips every
-- block outside of them. Ten million events have 2,442 blocks.
CREATE TABLE event_times (
    block  INTEGER PRIMARY KEY, -- id >> 12
    oldest INTEGER NOT NULL,    -- microseconds since 1970
    newest INTEGER NOT NULL
) STRICT;

-- The program never changes created_at. An operator who corrects wrong times by hand
-- must not make events invisible.
-- +goose StatementBegin
CREATE TRIGGER events_created_changed AFTER UPDATE OF created_at ON events BEGIN
    UPDATE event_times SET oldest = min(oldest, new.created_at), newest = max(newest, new.created_at)
    WHERE block = new.id >> 12;
END;
-- +goose StatementEnd

-- The deliveries of a queue, remembered in the transaction that stores their
-- events, so that a redelivery is recognised. A row lives for minutes, until the
-- queue can't deliver it again.
CREATE TABLE deliveries (
    id        BLOB    PRIMARY KEY,
    queued_at INTEGER NOT NULL -- microseconds since 1970
) STRICT, WITHOUT ROWID;

-- Which keys were repeated, how often, when and from where, for people. It is bounded and
-- best effort: reports are gathered in memory and written behind the responses.
CREATE TABLE duplicate_reports (
    topic_no   INTEGER NOT NULL,
    event_id   ANY     NOT NULL, -- as in identities
    repeats    INTEGER NOT NULL,
    conflicts  INTEGER NOT NULL,
    first_seen INTEGER NOT NULL, -- microseconds since 1970
    last_seen  INTEGER NOT NULL, -- microseconds since 1970
    sources    TEXT    NOT NULL, -- of the repeats: a JSON array, at most 8
    differing  TEXT    NOT NULL, -- members in which conflicts differ: a JSON array, at most 16
    PRIMARY KEY (topic_no, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX duplicate_reports_newest ON duplicate_reports (last_seen, topic_no, event_id);

-- The stored events with plain columns, for people and programs that use SQL.
CREATE VIEW event_log AS
SELECT
    topics.topic,
    CASE typeof(events.event_id)
        WHEN 'blob' THEN lower(
            hex(substr(events.event_id, 1, 4)) || '-' || hex(substr(events.event_id, 5, 2)) || '-' ||
            hex(substr(events.event_id, 7, 2)) || '-' || hex(substr(events.event_id, 9, 2)) || '-' || hex(substr(events.event_id, 11)))
        ELSE events.event_id
    END AS event_id,
    strftime('%Y-%m-%dT%H:%M:%S', events.occurred_at / 1000000, 'unixepoch') || printf('.%06dZ', events.occurred_at % 1000000) AS timestamp,
    events.source,
    events.payload,
    strftime('%Y-%m-%dT%H:%M:%S', events.created_at / 1000000, 'unixepoch') || printf('.%06dZ', events.created_at % 1000000) AS created_at
FROM events CROSS JOIN topics USING (topic_no);

-- "EvAg" identifies the file, for file(1) and for a start with the wrong file.
PRAGMA application_id = 1165377895;

-- +goose Down
DROP VIEW event_log;
DROP TABLE duplicate_reports;
DROP TABLE deliveries;
DROP TRIGGER events_created_changed;
DROP TABLE event_times;
DROP TABLE events;
DROP TABLE identities;
DROP TABLE totals;
DROP TABLE topics;
PRAGMA application_id = 0;
