-- The use of connections, and the oldest transactions that other sessions keep open.
-- Without the role pg_read_all_stats (visible is false) the database shows only the
-- sessions of the role itself. Ages are in seconds, those of snapshots in transactions.
SELECT
    pg_has_role('pg_read_all_stats', 'USAGE') AS visible,
    count(*) FILTER (WHERE a.backend_type = 'client backend' OR a.backend_type IS NULL AND a.datid IS NOT NULL) AS used,
    count(*) FILTER (WHERE a.application_name = 'eventagg') AS ours,
    count(*) FILTER (WHERE a.usename = current_user) AS used_by_role,
    (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user)::bigint AS role_limit,
    (SELECT datconnlimit FROM pg_database WHERE datname = current_database())::bigint AS database_limit,
    coalesce(extract(epoch FROM max(clock_timestamp() - a.xact_start) FILTER (WHERE a.backend_type = 'client backend')), 0)::bigint AS longest_transaction,
    coalesce((SELECT concat_ws(' ', 'process', l.pid, 'user', l.usename, 'state', l.state) FROM pg_stat_activity AS l
        WHERE l.backend_type = 'client backend' AND l.pid <> pg_backend_pid() AND l.xact_start IS NOT NULL
        ORDER BY l.xact_start LIMIT 1), '') AS longest_session,
    coalesce(max(age(a.backend_xmin)), 0)::bigint AS oldest_snapshot
FROM pg_stat_activity AS a
WHERE a.pid <> pg_backend_pid()
