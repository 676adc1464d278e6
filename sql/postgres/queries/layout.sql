-- What a schema has: itself, the version table, the tables of events, and those of
-- the first development versions, which kept their versions in goose's own table.
SELECT
    EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = :'schema'),
    to_regclass(':"schema".eventagg_migrations') IS NOT NULL,
    to_regclass(':"schema".events') IS NOT NULL AND to_regclass(':"schema".topic_stats') IS NOT NULL
        AND to_regclass(':"schema".audit_stats') IS NOT NULL,
    to_regclass(':"schema".goose_db_version') IS NOT NULL
