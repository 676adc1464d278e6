-- commits_after.sql, newest first: in the last tick, $3, those with numbers up to $2.
SELECT t.tick, t.fingerprint, c.n, c.created_at, c.base, coalesce(sum(c.stored), 0),
    array_agg(c.topic_no) FILTER (WHERE c.n IS NOT NULL), array_agg(c.topic) FILTER (WHERE c.n IS NOT NULL)
FROM (
    SELECT tick, fingerprint, shards, bases, heads FROM :"schema".ticks
    WHERE tick >= $1 AND tick <= $3
      AND ($5::timestamptz IS NULL OR newest >= $5) AND ($6::timestamptz IS NULL OR oldest < $6)
    ORDER BY tick DESC
    LIMIT $4
) AS t
LEFT JOIN LATERAL (
    SELECT c.n, c.created_at, c.base, c.stored, p.topic_no, p.topic
    FROM unnest(t.shards, t.bases, t.heads) AS m (shard, base, head)
    CROSS JOIN LATERAL (
        SELECT n, created_at, base, stored, topic_no FROM :"schema".commits
        WHERE shard = m.shard AND n > m.base AND n <= least(m.head, CASE WHEN t.tick = $3 THEN $2::bigint ELSE 9223372036854775807 END)
        OFFSET 0
    ) AS c
    JOIN :"schema".topics AS p USING (topic_no)
    WHERE ($5::timestamptz IS NULL OR c.created_at >= $5) AND ($6::timestamptz IS NULL OR c.created_at < $6)
) AS c ON true
GROUP BY t.tick, t.fingerprint, c.n, c.created_at, c.base
ORDER BY t.tick DESC, c.n DESC
LIMIT $4
