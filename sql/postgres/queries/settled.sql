-- The newest transaction that stored an event and that no earlier one can
-- follow any more: every transaction below the horizon (xmin) has ended. Then
-- the newest of all. 0 where there is none.
--
-- The horizon itself is no position to give out. It may lie beyond transactions
-- that ended without a trace on the disk, as those that were rolled back; after
-- a crash PostgreSQL gives their numbers out again, and an event stored under
-- one of them would be passed over. An event that is visible is on the disk.
SELECT
    coalesce((
        SELECT xid FROM events
        WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY xid DESC LIMIT 1
    ), '0'),
    coalesce((SELECT xid FROM events ORDER BY xid DESC LIMIT 1), '0')
