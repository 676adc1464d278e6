-- Up to $3 ticks after $1 and up to $2, each with the first and last time of its
-- transactions, the heads that are no number of a transaction of their shard, the number
-- of shards, and the tick before which retention has deleted the log.
SELECT t.tick, t.fingerprint, t.oldest, t.newest, t.shards, t.bases, t.heads, c.oldest, c.newest,
    (SELECT array_agg(m.head) FROM unnest(t.shards, t.bases, t.heads) AS m (shard, base, head)
     WHERE m.head > m.base AND NOT EXISTS (SELECT FROM :"schema".commits AS c WHERE c.shard = m.shard AND c.n = m.head)),
    (SELECT shards FROM :"schema".layout), (SELECT log_tick FROM :"schema".retention)
FROM (SELECT * FROM :"schema".ticks WHERE tick > $1 AND tick <= $2 ORDER BY tick LIMIT $3) AS t
CROSS JOIN LATERAL (
    SELECT min(c.created_at) AS oldest, max(c.created_at) AS newest
    FROM unnest(t.shards, t.bases, t.heads) AS m (shard, base, head)
    CROSS JOIN LATERAL (
        SELECT created_at FROM :"schema".commits WHERE shard = m.shard AND n > m.base AND n <= m.head OFFSET 0
    ) AS c
) AS c
ORDER BY t.tick
