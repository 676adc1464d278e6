-- What this connection can be used for: whether the server is a standby, whether
-- the transactions of this session are read-only, the encoding of the database, the
-- version of the server (170004 is 17.4), and whether the tables exist.
SELECT
    pg_is_in_recovery(),
    current_setting('transaction_read_only')::boolean,
    current_setting('server_encoding'),
    current_setting('server_version_num')::integer,
    to_regclass(':"schema".events') IS NOT NULL AND to_regclass(':"schema".deliveries') IS NOT NULL
        AND to_regclass(':"schema".topic_stats') IS NOT NULL AND to_regclass(':"schema".audit_stats') IS NOT NULL
