-- Up to $3 events after the position ($1, $2), oldest first. $7 is the transaction
-- after the stable head (stable_head.sql): the order of the events below it can't
-- change any more. The filters are those of older.sql.
SELECT xid, seq, created_at, occurred_at, topic, event_id, source, payload::text
FROM :"schema".events
WHERE (xid, seq) > ($1::xid8, $2::integer)
  AND xid < $7::xid8
  AND ($4::text IS NULL OR source = $4)
  AND ($5::timestamptz IS NULL OR created_at >= $5)
  AND ($6::timestamptz IS NULL OR created_at < $6)
ORDER BY xid, seq
LIMIT $3
