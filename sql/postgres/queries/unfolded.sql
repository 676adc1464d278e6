-- How many rows the logs have after the pointers of the totals, at most $1.
SELECT count(*) FROM (
    SELECT FROM :"schema".folded AS f CROSS JOIN LATERAL (
        SELECT n FROM :"schema".commits WHERE shard = f.lock AND n > f.n AND n <= 9223372036854775807 OFFSET 0
    ) AS c
    UNION ALL
    SELECT FROM :"schema".folded AS f CROSS JOIN LATERAL (
        SELECT n FROM :"schema".repeats WHERE lock = f.lock AND n > f.n AND n <= 9223372036854775807 OFFSET 0
    ) AS r
    LIMIT $1
) AS rows
