-- older.sql for the events of the topic $7.
--
-- The topic is two bounds and part of the order, instead of an equation. Then only
-- the index on (topic, xid, seq) yields the order, and the planner can't scan all
-- topics backwards in the hope of finding this one soon. That scan took more than a
-- second for a topic without any of the last ten million events.
SELECT xid, seq, created_at, occurred_at, topic, event_id, source, payload::text
FROM :"schema".events
WHERE (topic, xid, seq) < ($7::text COLLATE "C", $1::xid8, $2::integer)
  AND topic >= $7
  AND ($4::text IS NULL OR source = $4)
  AND ($5::timestamptz IS NULL OR created_at >= $5)
  AND ($6::timestamptz IS NULL OR created_at < $6)
ORDER BY topic DESC, xid DESC, seq DESC
LIMIT $3
