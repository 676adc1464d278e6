-- Repairs the order after a dump was restored into another cluster. The rows have
-- transaction IDs that the cluster has not reached yet. New events would sort
-- before them, and followers would wait for them for a very long time.
--
-- It moves all rows to the beginning of the order and keeps their order among
-- themselves. They get the transactions 1, 2 and so on, of 1000000000 events each,
-- because seq is an integer. A cluster uses some hundred of the first IDs for its
-- own setup, and gives none of them to an event.
--
-- restored.sql says whether there is something to do. The same condition is here, too,
-- because another instance may have done it meanwhile.
UPDATE :"schema".events AS e
SET xid = (1 + (numbered.number - 1) / 1000000000)::text::xid8,
    seq = (1 + (numbered.number - 1) % 1000000000)::integer
FROM (
    SELECT topic, event_id, row_number() OVER (ORDER BY xid, seq) AS number
    FROM :"schema".events
    WHERE (SELECT max(xid) FROM (SELECT xid FROM :"schema".events ORDER BY xid DESC LIMIT 1) AS newest)
        >= pg_snapshot_xmax(pg_current_snapshot())
) AS numbered
WHERE e.topic = numbered.topic AND e.event_id = numbered.event_id
