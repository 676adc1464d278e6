-- newer.sql for the events of the topic $8. The condition on the topic is that of
-- older_of_topic.sql.
SELECT xid, seq, created_at, occurred_at, topic, event_id, source, payload::text
FROM :"schema".events
WHERE (topic, xid, seq) > ($8::text COLLATE "C", $1::xid8, $2::integer)
  AND topic <= $8
  AND xid < $7::xid8
  AND ($4::text IS NULL OR source = $4)
  AND ($5::timestamptz IS NULL OR created_at >= $5)
  AND ($6::timestamptz IS NULL OR created_at < $6)
ORDER BY topic, xid, seq
LIMIT $3
