-- newer.sql for the events with the ID $8 in the topic $9, or in all topics if it is
-- null. The look-up is that of older_by_id.sql.
WITH topics AS (
    SELECT $9::text COLLATE "C" AS topic WHERE $9 IS NOT NULL
    UNION ALL
    SELECT topic FROM :"schema".topic_stats WHERE shard = -1 AND $9 IS NULL
),
found AS (
    SELECT e.* FROM topics AS t
    CROSS JOIN LATERAL (
        SELECT * FROM :"schema".events WHERE topic = t.topic AND event_id = $8 LIMIT 1
    ) AS e
    WHERE (e.xid, e.seq) > ($1::xid8, $2::integer)
      AND e.xid < $7::xid8
      AND ($4::text IS NULL OR e.source = $4)
      AND ($5::timestamptz IS NULL OR e.created_at >= $5)
      AND ($6::timestamptz IS NULL OR e.created_at < $6)
    ORDER BY e.xid, e.seq
    LIMIT $3
)
SELECT xid, seq, created_at, occurred_at, topic, event_id, source, payload::text
FROM found
ORDER BY xid, seq
