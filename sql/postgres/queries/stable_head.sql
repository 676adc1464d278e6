-- Returns, with 0 or null if there is none:
--
-- 1. the newest transaction that stored an event and that is below the snapshot's
--    xmin: all transactions below xmin have ended, so no event can be stored before
--    this position any more;
-- 2. when the last event of that transaction was stored;
-- 3. the newest transaction of all that stored an event;
-- 4. when the last event at or before the position ($1, $2) was stored, as in
--    fingerprint.sql.
--
-- xmin itself is not a safe position. It may lie beyond transactions that left
-- nothing on the disk, such as those that were rolled back. After a crash
-- PostgreSQL uses their IDs again, and a follower would skip an event with such an
-- ID. An event that is visible is on the disk.
SELECT
    coalesce(stable.xid, '0'),
    stable.created_at,
    coalesce((SELECT xid FROM :"schema".events ORDER BY xid DESC LIMIT 1), '0'),
    (SELECT created_at FROM :"schema".events WHERE (xid, seq) <= ($1::xid8, $2::integer) ORDER BY xid DESC, seq DESC LIMIT 1)
FROM (VALUES (1)) AS always
LEFT JOIN (
    SELECT xid, created_at FROM :"schema".events
    WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xid DESC, seq DESC LIMIT 1
) AS stable ON true
