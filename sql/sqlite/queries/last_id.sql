-- The id of the newest event (0 if there is none), when it was stored, and when the
-- last event before the id ?1 was stored. The last value shows whether a position
-- belongs to this data.
SELECT
    coalesce((SELECT max(id) FROM events), 0),
    (SELECT created_at FROM events WHERE id = (SELECT max(id) FROM events)),
    (SELECT created_at FROM events WHERE id < ?1 ORDER BY id DESC LIMIT 1)
