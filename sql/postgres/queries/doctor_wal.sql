-- The size of the database and of the WAL in bytes, and whether archiving the WAL fails,
-- so that it is kept. It needs the role pg_monitor.
SELECT
    pg_database_size(current_database())::bigint AS database,
    (SELECT sum(size) FROM pg_ls_waldir())::bigint AS bytes,
    pg_size_bytes(current_setting('max_wal_size')) AS maximum,
    a.last_failed_time IS NOT NULL AND a.last_failed_time > coalesce(a.last_archived_time, '-infinity') AS archive_fails
FROM pg_stat_archiver AS a
