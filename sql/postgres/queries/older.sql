-- Up to $3 events before the position ($1, $2), newest first. A filter that is null
-- excludes nothing. Readers plan each call for its own values (plan_cache_mode), so
-- a null filter disappears from the plan and another one gets its index.
SELECT xid, seq, created_at, occurred_at, topic, event_id, source, payload::text
FROM :"schema".events
WHERE (xid, seq) < ($1::xid8, $2::integer)
  AND ($4::text IS NULL OR source = $4)
  AND ($5::timestamptz IS NULL OR created_at >= $5)
  AND ($6::timestamptz IS NULL OR created_at < $6)
ORDER BY xid DESC, seq DESC
LIMIT $3
