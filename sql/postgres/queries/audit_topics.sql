-- Up to $2 topics after the number $1: the counters, what they must be, and whether the
-- events are complete. One statement reads one snapshot.
--
-- The counters are the totals and what the logs have after them, as in stats.sql. The
-- numbers are those of the identities, of those since data_from, of the events and of the
-- events in the log of transactions since then. Retention may have dropped what is
-- older. The second number is null if it has dropped nothing: then it is the first one,
-- which the index alone has.
WITH chosen AS MATERIALIZED (
    SELECT topic_no, topic FROM :"schema".topics WHERE topic_no > $1 ORDER BY topic_no LIMIT $2
), logged AS MATERIALIZED (
    SELECT topic_no, sum(stored) AS stored, sum(duplicates) AS duplicates, sum(conflicts) AS conflicts
    FROM (
        SELECT c.topic_no, c.stored, c.duplicates, 0 AS conflicts
        FROM :"schema".folded AS f CROSS JOIN LATERAL (
            SELECT topic_no, stored, duplicates FROM :"schema".commits WHERE shard = f.lock AND n > f.n AND n <= 9223372036854775807 OFFSET 0
        ) AS c
        UNION ALL
        SELECT r.topic_no, 0, r.duplicates, r.conflicts
        FROM :"schema".folded AS f CROSS JOIN LATERAL (
            SELECT topic_no, duplicates, conflicts FROM :"schema".repeats WHERE lock = f.lock AND n > f.n AND n <= 9223372036854775807 OFFSET 0
        ) AS r
    ) AS rows
    GROUP BY topic_no
)
SELECT c.topic_no, c.topic,
    (coalesce(t.stored, 0) + coalesce(l.stored, 0))::bigint,
    (coalesce(t.duplicates, 0) + coalesce(l.duplicates, 0))::bigint,
    (coalesce(t.conflicts, 0) + coalesce(l.conflicts, 0))::bigint,
    coalesce(t.first_seen <= t.last_seen, true),
    (SELECT count(*) FROM :"schema".identities AS i WHERE i.topic_no = c.topic_no),
    CASE WHEN r.data_from > '-infinity' THEN
        (SELECT count(*) FROM :"schema".identities AS i WHERE i.topic_no = c.topic_no AND i.created_at >= r.data_from)
    END,
    (SELECT count(*) FROM :"schema".events AS e WHERE e.topic_no = c.topic_no AND e.created_at >= r.data_from),
    (SELECT coalesce(sum(m.stored), 0) FROM :"schema".commits AS m WHERE m.topic_no = c.topic_no AND m.created_at >= r.data_from)::bigint
FROM chosen AS c
CROSS JOIN :"schema".retention AS r
LEFT JOIN :"schema".totals AS t ON t.topic_no = c.topic_no
LEFT JOIN logged AS l ON l.topic_no = c.topic_no
ORDER BY c.topic_no
