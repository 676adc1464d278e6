-- The last tick (0 if there is none), its fingerprint, and whether transactions that
-- stored events are in no tick yet. Then what retention has dropped: the number of
-- drops, the first tick that has events, and the moment from which on it has kept
-- everything (null before the first drop).
WITH last AS MATERIALIZED (
    SELECT tick, fingerprint FROM :"schema".ticks ORDER BY tick DESC LIMIT 1
)
SELECT
    coalesce((SELECT tick FROM last), 0),
    coalesce((SELECT fingerprint FROM last), 0),
    EXISTS (
        SELECT FROM :"schema".shards AS s
        LEFT JOIN (
            SELECT m.shard, max(m.head) AS head
            FROM :"schema".ticks AS t CROSS JOIN unnest(t.shards, t.heads) AS m (shard, head)
            WHERE t.tick >= (SELECT tick FROM last) / 64 * 64 AND t.tick <= (SELECT tick FROM last)
            GROUP BY m.shard
        ) AS k USING (shard)
        WHERE (SELECT c.n FROM :"schema".commits AS c WHERE c.shard = s.shard ORDER BY c.n DESC LIMIT 1) > coalesce(k.head, 0)
    ),
    r.drops, r.first_tick, nullif(least(r.data_from, (SELECT min(p.lower) FROM :"schema".partitions AS p)), '-infinity')
FROM :"schema".retention AS r
