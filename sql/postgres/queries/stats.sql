-- The totals, all from one snapshot.
SELECT
    coalesce(sum(received), 0)::bigint,
    coalesce(sum(duplicates), 0)::bigint,
    coalesce(sum(topics), 0)::bigint
FROM :"schema".audit_stats
