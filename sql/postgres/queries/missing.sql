-- The tables that the schema lacks, although its version table records version $1.
-- Each table has the number of the migration that creates it.
SELECT coalesce(string_agg(made.name, ', ' ORDER BY made.name), '')
FROM (VALUES ('events', 1), ('audit_stats', 1), ('topic_stats', 1), ('deliveries', 2)) AS made (name, version)
WHERE made.version <= $1::bigint AND NOT EXISTS (
    SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :'schema' AND c.relname = made.name AND c.relkind IN ('r', 'p')
)
