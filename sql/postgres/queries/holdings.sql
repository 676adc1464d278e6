-- What is stored: the time of the oldest event whose data is there (null if there is
-- none), and the bytes of the identities and of the logs.
SELECT
    (SELECT t.oldest FROM :"schema".ticks AS t, :"schema".retention AS r WHERE t.tick >= r.first_tick ORDER BY t.tick LIMIT 1),
    (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = :'schema' AND c.relname = 'identities'),
    (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = :'schema' AND c.relkind = 'r' AND c.relname IN ('commits', 'repeats', 'ticks'))
