-- The size of the database and of the WAL in bytes. It needs the role pg_monitor.
SELECT
    pg_database_size(current_database())::bigint AS database,
    (SELECT sum(size) FROM pg_ls_waldir())::bigint AS bytes,
    pg_size_bytes(current_setting('max_wal_size')) AS maximum
