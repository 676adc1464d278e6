-- The horizon: every transaction below it has ended, so no event will ever
-- appear there that is not there now.
SELECT pg_snapshot_xmin(pg_current_snapshot())
