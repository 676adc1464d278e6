-- Whether the newest event has a transaction ID that this cluster has not reached yet,
-- as after a restored dump (renumber.sql). It needs one index lookup.
SELECT coalesce((SELECT max(xid) FROM (SELECT xid FROM :"schema".events ORDER BY xid DESC LIMIT 1) AS newest)
    >= pg_snapshot_xmax(pg_current_snapshot()), false)
