-- Up to $3 events of the topic $7 before the position ($1, $2), newest first. The
-- other filters as in older.sql.
--
-- The topic is two bounds and part of the order, not an equation: then nothing
-- but the index on (topic, xid, seq) gives the order, and the planner can't walk
-- back over all topics in the hope to meet this one soon. For a topic that has
-- been quiet for ten million events that took more than a second.
SELECT xid, seq, created_at, occurred_at, topic, event_id, source, payload::text
FROM events
WHERE (topic, xid, seq) < ($7::text COLLATE "C", $1::xid8, $2::integer)
  AND topic >= $7
  AND ($4::text IS NULL OR source = $4)
  AND ($5::timestamptz IS NULL OR created_at >= $5)
  AND ($6::timestamptz IS NULL OR created_at < $6)
ORDER BY topic DESC, xid DESC, seq DESC
LIMIT $3
