-- The totals, all from one snapshot.
SELECT
    coalesce(sum(received), 0)::bigint,
    coalesce(sum(duplicates), 0)::bigint,
    (SELECT count(*) FROM (SELECT DISTINCT topic FROM :"schema".topic_stats) AS active)
FROM :"schema".audit_stats
