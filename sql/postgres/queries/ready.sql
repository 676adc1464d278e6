-- What a connection can be used for: whether the server is a standby, whether
-- this session's transactions read only, how the database keeps texts, and
-- whether our tables are there.
SELECT
    pg_is_in_recovery(),
    current_setting('transaction_read_only')::boolean,
    current_setting('server_encoding'),
    to_regclass('events') IS NOT NULL AND to_regclass('deliveries') IS NOT NULL
