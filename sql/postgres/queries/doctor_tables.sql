-- The tables of the schema, with what would weaken or slow down appends: no WAL
-- (unlogged), triggers and rules of others, row security, invalid indexes, autovacuum
-- off, and a size (in bytes) that does not fit the number of rows.
SELECT
    c.relname::text AS name,
    c.relpersistence = 'u' AS unlogged,
    c.relrowsecurity AS secured,
    pg_table_size(c.oid)::bigint AS bytes,
    coalesce(s.n_live_tup, 0)::bigint AS live,
    coalesce(s.n_dead_tup, 0)::bigint AS dead,
    EXISTS (SELECT FROM unnest(c.reloptions) AS option WHERE option IN ('autovacuum_enabled=false', 'autovacuum_enabled=off', 'autovacuum_enabled=0')) AS vacuum_off,
    coalesce((SELECT string_agg(t.tgname, ', ' ORDER BY t.tgname) FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'), '') AS triggers,
    coalesce((SELECT string_agg(r.rulename, ', ' ORDER BY r.rulename) FROM pg_rewrite AS r WHERE r.ev_class = c.oid), '') AS rules,
    coalesce((SELECT string_agg(i.indexrelid::regclass::text, ', ') FROM pg_index AS i WHERE i.indrelid = c.oid AND NOT (i.indisvalid AND i.indisready)), '') AS invalid_indexes
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
WHERE n.nspname = :'schema' AND c.relkind IN ('r', 'p')
ORDER BY c.relname
