-- The tables that the schema lacks, although its version table records version $1.
-- Each table has the number of the migration that creates it.
SELECT coalesce(string_agg(made.name, ', ' ORDER BY made.name), '')
FROM (VALUES
    ('commits', 10),
    ('deliveries', 10),
    ('detached', 10),
    ('duplicate_reports', 10),
    ('events', 10),
    ('folded', 10),
    ('identities', 10),
    ('layout', 10),
    ('locks', 10),
    ('partitions', 10),
    ('repeats', 10),
    ('retention', 10),
    ('shards', 10),
    ('sums', 10),
    ('ticks', 10),
    ('topics', 10),
    ('totals', 10)
) AS made (name, version)
WHERE made.version <= $1::bigint AND NOT EXISTS (
    SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :'schema' AND c.relname = made.name AND c.relkind IN ('r', 'p')
)
