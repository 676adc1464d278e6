-- append.sql for a batch of one event, which is every batch of an idle server:
-- the same transaction without the machinery of arrays, at three quarters of
-- the processor time (232 µs against 288, and 156 for the bare INSERT alone).
-- $1…$5 are the event. It answers whether the event was stored.
WITH stored AS (
    INSERT INTO events (seq, topic, event_id, occurred_at, source, payload)
    VALUES (1, $1, $2, $3, $4, $5::text::json)
    ON CONFLICT (topic, event_id) DO NOTHING
    RETURNING 1
), fate AS MATERIALIZED (
    SELECT
        1 - (SELECT count(*) FROM stored) AS duplicates,
        coalesce((
            SELECT s FROM generate_series(0, 63) AS s
            WHERE pg_try_advisory_xact_lock(1163219783, s)
            LIMIT 1
        ), 0)::smallint AS shard
), counted AS (
    INSERT INTO topic_stats AS t (topic, shard, received, duplicates, first_seen, last_seen)
    SELECT $1, shard, 1, duplicates, now(), now() FROM fate
    ON CONFLICT (topic, shard) DO UPDATE SET
        received   = t.received + 1,
        duplicates = t.duplicates + excluded.duplicates,
        last_seen  = greatest(t.last_seen, excluded.last_seen)
    RETURNING t.shard
), audited AS (
    INSERT INTO audit_stats AS a (shard, received, duplicates)
    SELECT counted.shard, 1, fate.duplicates FROM counted, fate
    ON CONFLICT (shard) DO UPDATE SET
        received   = a.received + 1,
        duplicates = a.duplicates + excluded.duplicates
)
SELECT duplicates = 0 FROM fate
