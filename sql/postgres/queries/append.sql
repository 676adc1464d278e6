-- Stores a batch and counts it, in one statement and so in one transaction.
--
-- $1…$6 are the columns of the distinct events of the batch, sorted by key, so
-- that all instances lock keys in the same order. If another transaction has
-- inserted a key and not committed it, this one waits for that COMMIT. So
-- "duplicate" always means that the original is committed. A duplicate writes
-- nothing, not even a dead row. $7 and $8 are the topics of the batch, sorted, and
-- the number of received events of each, repeats within the batch included.
--
-- The parts run in the order in which they read each other: events first, then
-- the counters of the topics, then the total. Two transactions that wait for each
-- other's counters are therefore impossible.
--
-- It returns the index (seq) of each stored event.
WITH stored AS (
    INSERT INTO :"schema".events (seq, topic, event_id, occurred_at, source, payload)
    SELECT b.seq, b.topic, b.event_id, b.occurred_at, b.source, b.payload::json
    FROM unnest($1::integer[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
        AS b (seq, topic, event_id, occurred_at, source, payload)
    ON CONFLICT (topic, event_id) DO NOTHING
    RETURNING topic, seq
), stored_by_topic AS (
    SELECT topic, count(*) AS events FROM stored GROUP BY topic
), shard AS MATERIALIZED (
    -- The first shard that no running transaction uses. The lock is released
    -- at the end of this transaction. A counter therefore has as many rows as
    -- there were concurrent writers, however often instances restart. 1163219783
    -- is "EvAG". A two-part key does not collide with other advisory locks.
    SELECT coalesce((
        SELECT s FROM generate_series(0, 63) AS s
        WHERE pg_try_advisory_xact_lock(1163219783, s)
        LIMIT 1
    ), 0)::smallint AS id
), counted AS (
    INSERT INTO :"schema".topic_stats AS t (topic, shard, received, duplicates, first_seen, last_seen)
    SELECT b.topic, shard.id, b.received, b.received - coalesce(s.events, 0), now(), now()
    FROM unnest($7::text[], $8::bigint[]) AS b (topic, received)
    CROSS JOIN shard
    LEFT JOIN stored_by_topic AS s ON s.topic = b.topic
    ORDER BY b.topic
    ON CONFLICT (topic, shard) DO UPDATE SET
        received   = t.received + excluded.received,
        duplicates = t.duplicates + excluded.duplicates,
        last_seen  = greatest(t.last_seen, excluded.last_seen)
    RETURNING t.topic
), audited AS (
    INSERT INTO :"schema".audit_stats AS a (shard, received, duplicates)
    SELECT shard.id, total.received, total.received - (SELECT count(*) FROM stored)
    FROM shard,
         (SELECT sum(received)::bigint AS received FROM unnest($8::bigint[]) AS received) AS total,
         (SELECT count(*) AS topics FROM counted) AS after_topics
    WHERE after_topics.topics > 0
    ON CONFLICT (shard) DO UPDATE SET
        received   = a.received + excluded.received,
        duplicates = a.duplicates + excluded.duplicates
)
SELECT seq FROM stored
