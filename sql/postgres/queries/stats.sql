-- The totals, all from one snapshot: what is folded, and what the logs have after it.
-- The upper bound, which excludes nothing, makes the planner expect a short range.
--
-- A topic that is not folded yet is counted if it has no totals. With a million topics,
-- counting all of them would take more than a second.
--
-- The last column counts the events that were not dropped. Events of a partition are
-- folded before it is dropped.
WITH logged AS MATERIALIZED (
    SELECT c.topic_no, c.stored, c.duplicates, 0 AS conflicts
    FROM :"schema".folded AS f CROSS JOIN LATERAL (
        SELECT topic_no, stored, duplicates FROM :"schema".commits WHERE shard = f.lock AND n > f.n AND n <= 9223372036854775807 OFFSET 0
    ) AS c
    UNION ALL
    SELECT r.topic_no, 0, r.duplicates, r.conflicts
    FROM :"schema".folded AS f CROSS JOIN LATERAL (
        SELECT topic_no, duplicates, conflicts FROM :"schema".repeats WHERE lock = f.lock AND n > f.n AND n <= 9223372036854775807 OFFSET 0
    ) AS r
)
SELECT
    s.stored + s.duplicates + (SELECT coalesce(sum(stored + duplicates), 0) FROM logged)::bigint,
    s.duplicates + (SELECT coalesce(sum(duplicates), 0) FROM logged)::bigint,
    s.conflicts + (SELECT coalesce(sum(conflicts), 0) FROM logged)::bigint,
    s.topics + (
        SELECT count(*) FROM (SELECT DISTINCT topic_no FROM logged OFFSET 0) AS l
        WHERE (SELECT t.topic_no FROM :"schema".totals AS t WHERE t.topic_no = l.topic_no) IS NULL
    ),
    ((SELECT coalesce(sum(p.stored), 0) FROM :"schema".partitions AS p) + (SELECT coalesce(sum(stored), 0) FROM logged))::bigint
FROM :"schema".sums AS s
