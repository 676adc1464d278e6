-- What this connection can be used for: whether the server is a standby, whether
-- the transactions of this session are read-only, the encoding of the database, the
-- version of the server (170004 is 17.4), whether the tables exist, whether events has
-- its key, without which every append fails, and which rights the role lacks.
--
-- Names come from the catalog: a function such as to_regclass fails if the role may
-- not use the schema, and could not say so.
WITH rights (name, privilege) AS (VALUES
    ('events', 'SELECT'), ('events', 'INSERT'),
    ('audit_stats', 'SELECT'), ('audit_stats', 'INSERT'), ('audit_stats', 'UPDATE'),
    ('topic_stats', 'SELECT'), ('topic_stats', 'INSERT'), ('topic_stats', 'UPDATE'),
    ('deliveries', 'SELECT'), ('deliveries', 'INSERT'), ('deliveries', 'DELETE')
), tables AS (
    SELECT c.oid, c.relname AS name
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :'schema' AND c.relkind = 'r'
      AND c.relname IN ('events', 'audit_stats', 'topic_stats', 'deliveries')
)
SELECT
    pg_is_in_recovery(),
    current_setting('transaction_read_only')::boolean,
    current_setting('server_encoding'),
    current_setting('server_version_num')::integer,
    (SELECT count(*) FROM tables) = 4,
    EXISTS (
        SELECT FROM pg_index AS i JOIN tables AS t ON t.oid = i.indrelid
        WHERE t.name = 'events' AND i.indisprimary AND i.indisvalid
    ),
    concat_ws(', ',
        (SELECT 'USAGE on schema ' || nspname FROM pg_namespace
         WHERE nspname = :'schema' AND NOT has_schema_privilege(oid, 'USAGE')),
        (SELECT string_agg(r.privilege || ' on ' || r.name, ', ' ORDER BY r.name, r.privilege)
         FROM rights AS r JOIN tables AS t USING (name)
         WHERE NOT has_table_privilege(t.oid, r.privilege)))
