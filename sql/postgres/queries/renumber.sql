-- After a dump is restored into another cluster, rows carry transaction IDs
-- that are still to come there: new events would sort before them, and
-- followers would wait for them for ages. This moves all rows to the front of
-- the order, and keeps their order among themselves. They become transactions
-- 1, 2 and so on, of 1000000000 events each, since a place must fit an integer:
-- a cluster uses some hundred of the first numbers to set itself up, and gives
-- none of them to an event.
-- Where nothing was restored it costs one look into an index.
UPDATE events AS e
SET xid = (1 + (numbered.place - 1) / 1000000000)::text::xid8,
    seq = (1 + (numbered.place - 1) % 1000000000)::integer
FROM (
    SELECT topic, event_id, row_number() OVER (ORDER BY xid, seq) AS place
    FROM events
    WHERE (SELECT max(xid) FROM (SELECT xid FROM events ORDER BY xid DESC LIMIT 1) AS newest)
        >= pg_snapshot_xmax(pg_current_snapshot())
) AS numbered
WHERE e.topic = numbered.topic AND e.event_id = numbered.event_id
