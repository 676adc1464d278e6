-- The bound of an audit: the last tick, the last number of a transaction that stored
-- events, and the last time of an event.
SELECT
    coalesce((SELECT max(tick) FROM :"schema".ticks), 0),
    coalesce((SELECT max((SELECT c.n FROM :"schema".commits AS c WHERE c.shard = s.shard ORDER BY c.n DESC LIMIT 1)) FROM :"schema".shards AS s), 0),
    greatest(now(), (SELECT max(newest) FROM :"schema".ticks))
