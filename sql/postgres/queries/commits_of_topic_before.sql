-- commits_before.sql for the topic $7: before the tick $1 and in it, up to the number $2.
WITH bounds AS MATERIALIZED (
    SELECT p.topic_no, p.topic, p.shard, least(greatest($2::bigint, h.base), h.head) AS n, l.head AS last
    FROM :"schema".topics AS p
    CROSS JOIN LATERAL (SELECT
        coalesce(max(m.head) FILTER (WHERE t.tick < $1), 0) AS base, coalesce(max(m.head), 0) AS head
        FROM :"schema".ticks AS t CROSS JOIN unnest(t.shards, t.heads) AS m (shard, head)
        WHERE t.tick >= greatest($1::bigint - 1, 0) / 64 * 64 AND t.tick <= $1 AND m.shard = p.shard) AS h
    CROSS JOIN LATERAL (SELECT coalesce(max(m.head), 0) AS head
        FROM :"schema".ticks AS t CROSS JOIN unnest(t.shards, t.heads) AS m (shard, head)
        WHERE t.tick >= $3::bigint / 64 * 64 AND t.tick <= $3 AND m.shard = p.shard) AS l
    WHERE p.topic = $7
)
SELECT k.tick, k.fingerprint, c.n, c.created_at, c.base, c.stored::bigint, ARRAY[b.topic_no], ARRAY[b.topic]
FROM bounds AS b
CROSS JOIN LATERAL (
    SELECT n, created_at, base, stored, after_tick FROM :"schema".commits
    WHERE topic_no = b.topic_no AND n <= b.n
      AND ($5::timestamptz IS NULL OR created_at >= $5) AND ($6::timestamptz IS NULL OR created_at < $6)
    ORDER BY n DESC
    LIMIT $4
) AS c
CROSS JOIN LATERAL (
    SELECT t.tick, t.fingerprint FROM :"schema".ticks AS t CROSS JOIN unnest(t.shards, t.heads) AS m (shard, head)
    WHERE t.tick > c.after_tick AND m.shard = b.shard AND m.head >= c.n
    ORDER BY t.tick LIMIT 1
) AS k
ORDER BY c.n DESC
