-- Whether this database takes writes (a standby does not) and has our tables.
SELECT NOT pg_is_in_recovery(), to_regclass('events') IS NOT NULL AND to_regclass('audit_stats') IS NOT NULL
