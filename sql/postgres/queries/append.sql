-- Stores a batch and counts it, in one statement and so in one transaction.
--
-- $1…$6 are the columns of the distinct events of the batch, sorted by key: all
-- instances lock keys in one order. A key that another transaction has inserted
-- and not committed makes this one wait for its COMMIT, so that "duplicate"
-- always means committed. A duplicate writes nothing, not even a dead row.
-- $7 and $8 are the topics of the batch, sorted, and how many events of each
-- arrived, repeats within the batch included.
--
-- The parts run in the order in which they read each other: events first,
-- counters last, the total at the very end. Two transactions that meet on a
-- counter then never hold anything that the other still wants.
--
-- It answers the places (seq) of the events that were stored.
WITH stored AS (
    INSERT INTO events (seq, topic, event_id, occurred_at, source, payload)
    SELECT b.seq, b.topic, b.event_id, b.occurred_at, b.source, b.payload::json
    FROM unnest($1::integer[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
        AS b (seq, topic, event_id, occurred_at, source, payload)
    ON CONFLICT (topic, event_id) DO NOTHING
    RETURNING topic, seq
), stored_by_topic AS (
    SELECT topic, count(*) AS events FROM stored GROUP BY topic
), shard AS MATERIALIZED (
    -- The first shard that no transaction under way is using; its lock ends
    -- with this one. So there are as many rows of a counter as there ever were
    -- writers at once, however often instances come and go. 1163219783 is
    -- "EvAG"; a two-part key keeps clear of other users of advisory locks.
    SELECT coalesce((
        SELECT s FROM generate_series(0, 63) AS s
        WHERE pg_try_advisory_xact_lock(1163219783, s)
        LIMIT 1
    ), 0)::smallint AS id
), counted AS (
    INSERT INTO topic_stats AS t (topic, shard, received, duplicates, first_seen, last_seen)
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
    INSERT INTO audit_stats AS a (shard, received, duplicates)
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
