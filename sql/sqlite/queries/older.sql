-- Up to ?3 events of all topics with ids from ?1 up to, not including, ?2, newest
-- first. ?4 is the source, '' for any. ?5 and ?6 bound created_at, which never
-- decreases from row to row: so each bound is one step in its index to an id,
-- and what lies outside is not read. The plus keeps that index from being used
-- for the rows themselves, which would then have to be sorted.
SELECT id, created_at, occurred_at, topic, event_id, source, payload
FROM events
WHERE id >= max(?1, coalesce(
        (SELECT id FROM events WHERE created_at >= ?5 ORDER BY created_at, id LIMIT 1), 9223372036854775807))
  AND id < min(?2, coalesce(
        (SELECT id FROM events WHERE created_at >= ?6 ORDER BY created_at, id LIMIT 1), 9223372036854775807))
  AND (?4 = '' OR source = ?4)
  AND +created_at >= ?5 AND +created_at < ?6
ORDER BY id DESC
LIMIT ?3
