-- The partitions, oldest first: bounds, number of events, bytes.
WITH logged AS MATERIALIZED (
    SELECT c.created_at, c.stored
    FROM :"schema".folded AS f CROSS JOIN LATERAL (
        SELECT created_at, stored FROM :"schema".commits WHERE shard = f.lock AND n > f.n AND n <= 9223372036854775807 OFFSET 0
    ) AS c
)
SELECT p.lower, p.upper,
    (p.stored + (SELECT coalesce(sum(l.stored), 0) FROM logged AS l WHERE l.created_at >= p.lower AND l.created_at < p.upper))::bigint,
    coalesce((SELECT pg_total_relation_size(c.oid) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
              WHERE n.nspname = :'schema' AND c.relname = p.name), 0)
FROM :"schema".partitions AS p
ORDER BY p.lower
