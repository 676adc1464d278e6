-- The schemas that have a version table of eventagg. Names come from the catalog and
-- not from the search path, which a role, a database or a new schema can change.
SELECT n.nspname::text
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = 'eventagg_migrations' AND c.relkind = 'r' AND n.nspname !~ '^pg_'
ORDER BY n.nspname
