-- The totals of each topic, busiest first, as stats.sql. $1 is one topic, or NULL for
-- all. $2 and $3 are received events and name of the last row before these, or NULL.
-- $4 is the maximum number of rows, or NULL.
WITH chosen AS (
    SELECT topic_no, topic FROM :"schema".topics WHERE $1::text IS NULL OR topic = $1
)
SELECT topic, sum(stored)::bigint, sum(duplicates)::bigint, sum(conflicts)::bigint, min(first_seen), max(last_seen)
FROM (
    SELECT topic_no, stored, duplicates, conflicts, first_seen, last_seen FROM :"schema".totals
    UNION ALL
    SELECT c.topic_no, c.stored, c.duplicates, 0, c.created_at, c.created_at
    FROM :"schema".folded AS f CROSS JOIN LATERAL (
        SELECT topic_no, stored, duplicates, created_at FROM :"schema".commits WHERE shard = f.lock AND n > f.n AND n <= 9223372036854775807 OFFSET 0
    ) AS c
    UNION ALL
    SELECT r.topic_no, 0, r.duplicates, r.conflicts, r.created_at, r.created_at
    FROM :"schema".folded AS f CROSS JOIN LATERAL (
        SELECT topic_no, duplicates, conflicts, created_at FROM :"schema".repeats WHERE lock = f.lock AND n > f.n AND n <= 9223372036854775807 OFFSET 0
    ) AS r
) AS counted JOIN chosen USING (topic_no)
GROUP BY topic
HAVING $2::bigint IS NULL OR sum(stored + duplicates) < $2 OR (sum(stored + duplicates) = $2 AND topic > $3::text)
ORDER BY sum(stored + duplicates) DESC, topic
LIMIT $4::bigint
