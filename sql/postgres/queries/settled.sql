-- The newest transaction that stored an event and that no earlier one can
-- follow any more: every transaction below the horizon (xmin) has ended. When
-- its last event was stored. Then the newest transaction of all. 0 where there
-- is none. Last, when the last event at or before the position ($1, $2) was
-- stored, as in mark.sql.
--
-- The horizon itself is no position to give out. It may lie beyond transactions
-- that ended without a trace on the disk, as those that were rolled back; after
-- a crash PostgreSQL gives their numbers out again, and an event stored under
-- one of them would be passed over. An event that is visible is on the disk.
SELECT
    coalesce(settled.xid, '0'),
    settled.created_at,
    coalesce((SELECT xid FROM events ORDER BY xid DESC LIMIT 1), '0'),
    (SELECT created_at FROM events WHERE (xid, seq) <= ($1::xid8, $2::integer) ORDER BY xid DESC, seq DESC LIMIT 1)
FROM (VALUES (1)) AS always
LEFT JOIN (
    SELECT xid, created_at FROM events
    WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xid DESC, seq DESC LIMIT 1
) AS settled ON true
