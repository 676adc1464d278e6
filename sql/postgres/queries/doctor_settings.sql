-- The settings of the server that the guarantee depends on, as this session has them,
-- when transaction IDs run out, and whether archiving the WAL fails, so that the WAL is
-- kept. A setting that the role may not see is missing.
SELECT name, setting AS value
FROM pg_settings
WHERE name IN (
    'fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names', 'data_checksums', 'data_sync_retry',
    'zero_damaged_pages', 'ignore_checksum_failure', 'autovacuum', 'track_counts', 'max_connections',
    'superuser_reserved_connections', 'reserved_connections', 'max_prepared_transactions', 'data_directory', 'server_version')
UNION ALL
SELECT 'frozen_age', max(age(datfrozenxid))::text FROM pg_database
UNION ALL
SELECT 'archive_fails', (last_failed_time IS NOT NULL AND last_failed_time > coalesce(last_archived_time, '-infinity'))::text
FROM pg_stat_archiver
