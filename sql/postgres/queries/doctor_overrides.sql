-- The roles and databases with a synchronous_commit of their own that applies to this
-- session or to all sessions of its role or database.
SELECT
    coalesce(r.rolname::text, '') AS role,
    coalesce(d.datname::text, '') AS database,
    split_part(setting, '=', 2) AS value
FROM pg_db_role_setting AS s
CROSS JOIN LATERAL unnest(s.setconfig) AS setting
LEFT JOIN pg_roles AS r ON r.oid = s.setrole
LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
WHERE setting LIKE 'synchronous_commit=%'
  AND (s.setrole = 0 OR r.rolname = current_user)
  AND (s.setdatabase = 0 OR d.datname = current_database())
ORDER BY 1, 2
