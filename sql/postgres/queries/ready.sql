-- What this connection can be used for: whether the server is a standby, whether
-- the transactions of this session are read-only, the encoding of the database, the
-- version of the server (170004 is 17.4), whether the tables exist, whether identities
-- has its key, without which every append fails, and which rights the role lacks.
--
-- Names come from the catalog: a function such as to_regclass fails if the role may
-- not use the schema, and could not say so. UPDATE on locks and layout is for row
-- locks.
WITH rights (name, privilege) AS (VALUES
    ('shards', 'SELECT'),
    ('locks', 'SELECT'), ('locks', 'UPDATE'),
    ('layout', 'SELECT'), ('layout', 'UPDATE'),
    ('topics', 'SELECT'), ('topics', 'INSERT'),
    ('identities', 'SELECT'), ('identities', 'INSERT'),
    ('events', 'SELECT'), ('events', 'INSERT'),
    ('partitions', 'SELECT'), ('partitions', 'UPDATE'),
    ('retention', 'SELECT'),
    ('commits', 'SELECT'), ('commits', 'INSERT'),
    ('repeats', 'SELECT'), ('repeats', 'INSERT'), ('repeats', 'DELETE'),
    ('totals', 'SELECT'), ('totals', 'INSERT'), ('totals', 'UPDATE'),
    ('sums', 'SELECT'), ('sums', 'UPDATE'),
    ('folded', 'SELECT'), ('folded', 'UPDATE'),
    ('ticks', 'SELECT'), ('ticks', 'INSERT'),
    ('deliveries', 'SELECT'), ('deliveries', 'INSERT'), ('deliveries', 'DELETE'),
    ('duplicate_reports', 'SELECT'), ('duplicate_reports', 'INSERT'), ('duplicate_reports', 'UPDATE'), ('duplicate_reports', 'DELETE')
), tables AS (
    SELECT c.oid, c.relname AS name
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :'schema' AND c.relkind IN ('r', 'p') AND c.relname IN (SELECT name FROM rights)
), numbers AS (
    SELECT c.oid, c.relname AS name
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :'schema' AND c.relkind = 'S' AND c.relname = 'commit_numbers'
)
SELECT
    pg_is_in_recovery(),
    current_setting('transaction_read_only')::boolean,
    current_setting('server_encoding'),
    current_setting('server_version_num')::integer,
    (SELECT count(*) FROM tables) = (SELECT count(DISTINCT name) FROM rights) AND EXISTS (SELECT FROM numbers),
    EXISTS (
        SELECT FROM pg_index AS i JOIN tables AS t ON t.oid = i.indrelid
        WHERE t.name = 'identities' AND i.indisprimary AND i.indisvalid
    ),
    concat_ws(', ',
        (SELECT 'USAGE on schema ' || nspname FROM pg_namespace
         WHERE nspname = :'schema' AND NOT has_schema_privilege(oid, 'USAGE')),
        (SELECT string_agg(r.privilege || ' on ' || r.name, ', ' ORDER BY r.name, r.privilege)
         FROM rights AS r JOIN tables AS t USING (name)
         WHERE NOT has_table_privilege(t.oid, r.privilege)),
        (SELECT 'USAGE on ' || name FROM numbers WHERE NOT has_sequence_privilege(oid, 'USAGE')))
