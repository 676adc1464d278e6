-- The log of the transactions with numbers after $1 up to $2, in the order of the numbers:
-- the row, the shard of the topic, the number of events at its addresses, the first tick
-- after after_tick that reaches it, what that tick has of the shard, its times, the last
-- number of the shard that any tick reaches, and the last tick.
--
-- Events from before data_from were dropped by retention: then the number of events is
-- null.
WITH reached AS MATERIALIZED (
    SELECT m.shard, max(m.head) AS head
    FROM :"schema".ticks AS t CROSS JOIN unnest(t.shards, t.heads) AS m (shard, head)
    WHERE t.tick >= (SELECT max(tick) FROM :"schema".ticks) / 64 * 64
    GROUP BY m.shard
)
SELECT c.n, c.shard, c.topic_no, c.created_at, c.base, c.stored, c.after_tick, t.shard,
    CASE WHEN c.created_at >= (SELECT data_from FROM :"schema".retention) THEN (
        SELECT count(*) FROM :"schema".events AS e
        WHERE e.topic_no = c.topic_no AND e.created_at = c.created_at AND e.place > c.base AND e.place <= c.base | 1048575
    ) END,
    k.tick, k.base, k.oldest, k.newest, coalesce(r.head, 0), coalesce((SELECT max(tick) FROM :"schema".ticks), 0)
FROM :"schema".shards AS s
CROSS JOIN LATERAL (
    SELECT n, shard, topic_no, created_at, base, stored, after_tick FROM :"schema".commits
    WHERE shard = s.shard AND n > $1 AND n <= $2 OFFSET 0
) AS c
LEFT JOIN :"schema".topics AS t ON t.topic_no = c.topic_no
LEFT JOIN reached AS r ON r.shard = c.shard
LEFT JOIN LATERAL (
    SELECT t.tick, m.base, t.oldest, t.newest
    FROM :"schema".ticks AS t CROSS JOIN unnest(t.shards, t.bases, t.heads) AS m (shard, base, head)
    WHERE t.tick > c.after_tick AND m.shard = c.shard AND m.head >= c.n
    ORDER BY t.tick LIMIT 1
) AS k ON true
ORDER BY c.n, c.shard, c.topic_no
