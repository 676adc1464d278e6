-- older.sql for the events with the ID $7 in the topic $8, or in all topics if it is null.
--
-- No index begins with event_id: it would cost every append a random write. So the ID
-- is looked up in one topic after the other, with the primary key. ingest.max_topics
-- bounds the number of look-ups. LIMIT 1 keeps the planner from reading all events
-- instead. Payloads are read after the page is cut.
WITH topics AS (
    SELECT $8::text COLLATE "C" AS topic WHERE $8 IS NOT NULL
    UNION ALL
    SELECT topic FROM :"schema".topic_stats WHERE shard = -1 AND $8 IS NULL
),
found AS (
    SELECT e.* FROM topics AS t
    CROSS JOIN LATERAL (
        SELECT * FROM :"schema".events WHERE topic = t.topic AND event_id = $7 LIMIT 1
    ) AS e
    WHERE (e.xid, e.seq) < ($1::xid8, $2::integer)
      AND ($4::text IS NULL OR e.source = $4)
      AND ($5::timestamptz IS NULL OR e.created_at >= $5)
      AND ($6::timestamptz IS NULL OR e.created_at < $6)
    ORDER BY e.xid DESC, e.seq DESC
    LIMIT $3
)
SELECT xid, seq, created_at, occurred_at, topic, event_id, source, payload::text
FROM found
ORDER BY xid DESC, seq DESC
