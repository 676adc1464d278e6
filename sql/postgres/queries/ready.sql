-- What this connection can be used for: whether the server is a standby, whether
-- the transactions of this session are read-only, the encoding of the database,
-- and whether the tables exist.
SELECT
    pg_is_in_recovery(),
    current_setting('transaction_read_only')::boolean,
    current_setting('server_encoding'),
    to_regclass('events') IS NOT NULL AND to_regclass('deliveries') IS NOT NULL
