-- +goose Up

-- The earliest and the latest created_at in each block of 4,096 ids. The clock can
-- be set back, so created_at is not in the order of ids, and one event with a wrong
-- time must not change that of others. A read with bounds on created_at skips every
-- block outside of them. Ten million events have 2,442 blocks.
CREATE TABLE event_times (
    block  INTEGER PRIMARY KEY, -- id >> 12
    oldest INTEGER NOT NULL,    -- microseconds since 1970
    newest INTEGER NOT NULL
) STRICT;

-- One block after the other: a GROUP BY would sort all events.
WITH RECURSIVE blocks (block) AS (
    SELECT 0
    UNION ALL
    SELECT block + 1 FROM blocks WHERE block < (SELECT max(id) >> 12 FROM events)
)
INSERT INTO event_times
SELECT block,
    (SELECT min(+created_at) FROM events WHERE id >= block << 12 AND id < (block + 1) << 12),
    (SELECT max(+created_at) FROM events WHERE id >= block << 12 AND id < (block + 1) << 12)
FROM blocks
WHERE EXISTS (SELECT 1 FROM events WHERE id >= block << 12 AND id < (block + 1) << 12);

-- The program never changes created_at. An operator who corrects wrong times by hand
-- must not make events invisible.
-- +goose StatementBegin
CREATE TRIGGER events_created_changed AFTER UPDATE OF created_at ON events BEGIN
    UPDATE event_times SET oldest = min(oldest, new.created_at), newest = max(newest, new.created_at)
    WHERE block = new.id >> 12;
END;
-- +goose StatementEnd

DROP INDEX events_created;

-- +goose Down
CREATE INDEX events_created ON events (created_at);
DROP TRIGGER events_created_changed;
DROP TABLE event_times;
