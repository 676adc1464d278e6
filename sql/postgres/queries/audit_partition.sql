-- The number of events of the partition from $1 up to, not including, $2: by its counter
-- and what the log has after it, and counted.
SELECT
    (p.stored + (
        SELECT coalesce(sum(c.stored), 0)
        FROM :"schema".folded AS f CROSS JOIN LATERAL (
            SELECT created_at, stored FROM :"schema".commits WHERE shard = f.lock AND n > f.n AND n <= 9223372036854775807 OFFSET 0
        ) AS c
        WHERE c.created_at >= p.lower AND c.created_at < p.upper
    ))::bigint,
    (SELECT count(*) FROM :"schema".events WHERE created_at >= $1 AND created_at < $2)
FROM :"schema".partitions AS p
WHERE p.lower = $1 AND p.upper = $2
