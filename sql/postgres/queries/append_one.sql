-- append.sql for a batch of one event, which is every batch of an idle server. It
-- is the same transaction without arrays.
--
-- $1…$6 are the event: topic, key, timestamp, source, payload, digest. It returns 1 if
-- the event was stored, 0 if it is a duplicate with the digest of the stored event, 2 if
-- it is another duplicate, and -1, without storing it, if the topic is not in the
-- dictionary.
WITH topic AS MATERIALIZED (
    SELECT topic_no, shard, (random() * 2047)::integer << 20 AS base FROM :"schema".topics WHERE topic = $1
), identity AS (
    INSERT INTO :"schema".identities (created_at, topic_no, place, digest, id)
    SELECT now(), topic_no, base + 1, $6, $2 FROM topic
    ON CONFLICT (topic_no, id) DO NOTHING
    RETURNING topic_no, place
), data AS (
    INSERT INTO :"schema".events (created_at, occurred_at, topic_no, place, id, source, payload)
    SELECT now(), $3, topic_no, place, $2, $4, $5::text::json FROM identity
    RETURNING 1
), outcome AS MATERIALIZED (
    SELECT count(*)::integer AS stored FROM data
), locked AS MATERIALIZED (
    SELECT l.lock, o.stored FROM outcome AS o, topic AS t, :"schema".locks AS l
    WHERE l.lock = CASE WHEN o.stored > 0 THEN t.shard ELSE 1000 + pg_backend_pid() % 64 END
    FOR UPDATE OF l
), logged AS (
    INSERT INTO :"schema".commits (n, created_at, after_tick, topic_no, base, stored, duplicates, shard)
    SELECT nextval(':"schema".commit_numbers'), now(), coalesce((SELECT tick FROM :"schema".ticks ORDER BY tick DESC LIMIT 1), 0), t.topic_no, t.base, 1, 0, f.lock
    FROM topic AS t, locked AS f
    WHERE f.stored > 0
), repeated AS (
    INSERT INTO :"schema".repeats (n, created_at, topic_no, duplicates, lock)
    SELECT nextval(':"schema".commit_numbers'), now(), t.topic_no, 1, f.lock
    FROM topic AS t, locked AS f
    WHERE f.stored = 0
)
SELECT CASE
    WHEN stored = 1 THEN 1
    WHEN NOT EXISTS (SELECT FROM topic) THEN -1
    WHEN $6 = (SELECT i.digest FROM topic AS t JOIN :"schema".identities AS i ON i.topic_no = t.topic_no AND i.id = $2) THEN 0
    ELSE 2
END
FROM outcome
