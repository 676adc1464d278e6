-- Up to $4 transactions in the ticks $1 up to $3, oldest first, in the first tick those
-- with numbers from $2. A filter on created_at ($5, $6) that is null excludes nothing.
-- A tick without such a transaction is a row with nulls: fewer rows than $4 mean that
-- there are no more.
--
-- OFFSET 0 keeps the planner from joining the log as a whole, here and elsewhere: it
-- can't know that the range of numbers is short.
SELECT t.tick, t.fingerprint, c.n, c.created_at, c.base, coalesce(sum(c.stored), 0),
    array_agg(c.topic_no) FILTER (WHERE c.n IS NOT NULL), array_agg(c.topic) FILTER (WHERE c.n IS NOT NULL)
FROM (
    SELECT tick, fingerprint, shards, bases, heads FROM :"schema".ticks
    WHERE tick >= $1 AND tick <= $3
      AND ($5::timestamptz IS NULL OR newest >= $5) AND ($6::timestamptz IS NULL OR oldest < $6)
    ORDER BY tick ASC
    LIMIT $4
) AS t
LEFT JOIN LATERAL (
    SELECT c.n, c.created_at, c.base, c.stored, p.topic_no, p.topic
    FROM unnest(t.shards, t.bases, t.heads) AS m (shard, base, head)
    CROSS JOIN LATERAL (
        SELECT n, created_at, base, stored, topic_no FROM :"schema".commits
        WHERE shard = m.shard AND n > greatest(m.base, CASE WHEN t.tick = $1 THEN $2::bigint - 1 ELSE 0 END) AND n <= m.head
        OFFSET 0
    ) AS c
    JOIN :"schema".topics AS p USING (topic_no)
    WHERE ($5::timestamptz IS NULL OR c.created_at >= $5) AND ($6::timestamptz IS NULL OR c.created_at < $6)
) AS c ON true
GROUP BY t.tick, t.fingerprint, c.n, c.created_at, c.base
ORDER BY t.tick ASC, c.n ASC
LIMIT $4
