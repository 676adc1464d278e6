-- Up to ?3 events of all topics with ids from ?1 up to, not including, ?2, oldest
-- first. ?4 is the source, or '' for any. ?5 and ?6 bound created_at. It never
-- decreases from row to row, so one index lookup turns each bound into an id, and
-- rows outside of the bounds are not read. The plus in "+created_at" prevents that
-- the index is used for the rows themselves, which would then have to be sorted.
SELECT id, created_at, occurred_at, topic, event_id, source, payload
FROM events
WHERE id >= max(?1, coalesce(
        (SELECT id FROM events WHERE created_at >= ?5 ORDER BY created_at, id LIMIT 1), 9223372036854775807))
  AND id < min(?2, coalesce(
        (SELECT id FROM events WHERE created_at >= ?6 ORDER BY created_at, id LIMIT 1), 9223372036854775807))
  AND (?4 = '' OR source = ?4)
  AND +created_at >= ?5 AND +created_at < ?6
ORDER BY id ASC
LIMIT ?3
