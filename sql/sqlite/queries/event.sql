-- The event with a key.
SELECT id, created_at, occurred_at, topic, event_id, source, payload
FROM events
WHERE topic = ?1 AND event_id = ?2
