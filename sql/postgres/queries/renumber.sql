-- After a dump is restored into another cluster, rows carry transaction IDs
-- that are still to come there: new events would sort before them, and
-- followers would wait for them for ages. This moves all rows to the front of
-- the order, as transaction 1, which no cluster gives out; their order stays.
-- Where nothing was restored it costs one look into an index.
UPDATE events AS e
SET xid = '1', seq = numbered.seq
FROM (
    SELECT topic, event_id, row_number() OVER (ORDER BY xid, seq)::integer AS seq
    FROM events
    WHERE (SELECT max(xid) FROM (SELECT xid FROM events ORDER BY xid DESC LIMIT 1) AS newest)
        >= pg_snapshot_xmax(pg_current_snapshot())
) AS numbered
WHERE e.topic = numbered.topic AND e.event_id = numbered.event_id
