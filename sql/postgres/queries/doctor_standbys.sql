-- The standbys that are connected now. Without the role pg_read_all_stats the database
-- shows their number only, and state is empty. lag is in bytes of WAL that the standby
-- has not written to its disk yet.
SELECT
    coalesce(application_name, '') AS name,
    coalesce(host(client_addr), '') AS address,
    coalesce(state, '') AS state,
    coalesce(sync_state, '') AS sync,
    CASE WHEN pg_is_in_recovery() THEN 0
        ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn), 0) END::bigint AS lag
FROM pg_stat_replication
ORDER BY 1
