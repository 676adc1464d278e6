-- Makes the next tick from what this statement sees, if there is anything new. The
-- lock of tick_lock.sql must be held, by an earlier statement: this one must see the
-- last tick. It returns the tick and its fingerprint.
WITH last AS MATERIALIZED (
    SELECT coalesce((SELECT tick FROM :"schema".ticks ORDER BY tick DESC LIMIT 1), 0) AS tick
), moved AS MATERIALIZED (
    SELECT s.shard, coalesce(k.head, 0) AS base,
        -- The last row of the shard may be deleted, with the data of its events.
        greatest(k.head, (SELECT c.n FROM :"schema".commits AS c WHERE c.shard = s.shard ORDER BY c.n DESC LIMIT 1), 0) AS head
    FROM :"schema".shards AS s
    LEFT JOIN (
        SELECT m.shard, max(m.head) AS head
        FROM :"schema".ticks AS t CROSS JOIN unnest(t.shards, t.heads) AS m (shard, head)
        WHERE t.tick >= (SELECT tick FROM last) / 64 * 64 AND t.tick <= (SELECT tick FROM last)
        GROUP BY m.shard
    ) AS k USING (shard)
), times AS (
    SELECT min(c.created_at) AS oldest, max(c.created_at) AS newest
    FROM moved AS m CROSS JOIN LATERAL (
        SELECT created_at FROM :"schema".commits WHERE shard = m.shard AND n > m.base AND n <= m.head OFFSET 0
    ) AS c
)
INSERT INTO :"schema".ticks (tick, fingerprint, oldest, newest, shards, bases, heads)
SELECT last.tick + 1, 1 + (random() * 2147483646)::integer, times.oldest, times.newest,
    array_agg(m.shard ORDER BY m.shard), array_agg(m.base ORDER BY m.shard), array_agg(m.head ORDER BY m.shard)
FROM last, times, moved AS m
WHERE times.oldest IS NOT NULL AND (m.head > m.base OR (last.tick + 1) % 64 = 0)
GROUP BY last.tick, times.oldest, times.newest
RETURNING tick, fingerprint
