-- Replication slots: how many bytes of WAL each keeps, and how old its snapshot is, in
-- transactions.
SELECT
    slot_name::text AS name,
    active,
    coalesce(wal_status, '') AS status,
    coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn), 0)::bigint AS kept,
    greatest(coalesce(age(xmin), 0), coalesce(age(catalog_xmin), 0))::bigint AS snapshot
FROM pg_replication_slots
ORDER BY slot_name
