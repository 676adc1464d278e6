-- The event with a key.
SELECT xid, seq, created_at, occurred_at, topic, event_id, source, payload::text
FROM :"schema".events
WHERE topic = $1 AND event_id = $2
