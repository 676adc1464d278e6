-- The id of the newest event (0 if there is none), when it was stored, and when the
-- last event before the id ?1 was stored. The last value shows whether a position
-- belongs to this data. Then the id of the last event whose data was dropped, and when
-- it was stored: it counts as an event here.
SELECT
    max(coalesce((SELECT max(id) FROM events), 0), dropped_id),
    coalesce((SELECT created_at FROM events WHERE id = (SELECT max(id) FROM events)), dropped_at),
    coalesce(
        (SELECT created_at FROM events WHERE id < ?1 ORDER BY id DESC LIMIT 1),
        CASE WHEN dropped_id < ?1 THEN dropped_at END
    ),
    dropped_id,
    dropped_at
FROM totals
