-- The number of pages of the table of identities.
SELECT pg_relation_size(c.oid) / current_setting('block_size')::bigint
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = :'schema' AND c.relname = 'identities'
