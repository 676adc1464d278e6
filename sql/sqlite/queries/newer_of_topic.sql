-- Up to ?3 events of the topic ?5 with ids from ?1 up to, not including, ?2, oldest
-- first. ?4 is the source, or '' for any.
SELECT id, created_at, occurred_at, topic, event_id, source, payload
FROM events
WHERE id >= ?1 AND id < ?2 AND topic = ?5
  AND (?4 = '' OR source = ?4)
ORDER BY id ASC
LIMIT ?3
