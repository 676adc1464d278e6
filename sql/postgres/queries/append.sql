-- Stores a batch and counts it, in one statement and so in one transaction.
--
-- $1…$6 and $9 are the columns of the distinct events of the batch, sorted by key, so
-- that all instances lock keys in the same order: index in the batch, number of the
-- topic in $7, key, timestamp, source, payload, digest. $7 and $8 are the topics of the batch,
-- sorted, and the number of received events of each, repeats within the batch
-- included.
--
-- If another transaction has inserted a key and not committed it, this one waits for
-- that COMMIT. So "duplicate" always means that the original is committed. A
-- duplicate writes nothing but its count.
--
-- The parts run in the order in which they read each other: keys, data, then the locks
-- in their order, then the number of the transaction, then the logs. A transaction that
-- holds a lock waits for no key, so no two wait for each other. The
-- locks are held for the log and the COMMIT only: with the number first, two writers
-- would take turns.
--
-- The number is drawn while the locks are held. For each lock, numbers therefore grow
-- in the order of COMMIT. A topic with stored events locks its shard. For topics with
-- repeats only, the session has a lock for which it seldom waits.
--
-- It returns the index of each stored event, and the negative index of each duplicate
-- whose digest is not that of the stored event, or whose event this statement can't
-- see, because it was committed meanwhile. It returns 0, and stores nothing, if a
-- topic is not in the dictionary: send add_topics.sql first, in the same transaction.
WITH topic AS MATERIALIZED (
    SELECT b.place, b.received, t.topic_no, t.shard
    FROM unnest($7::text[], $8::bigint[]) WITH ORDINALITY AS b (topic, received, place)
    JOIN :"schema".topics AS t ON t.topic = b.topic
), known AS MATERIALIZED (
    SELECT array_agg(topic_no ORDER BY place) AS topics, (random() * 2047)::integer << 20 AS base
    FROM topic
    HAVING count(*) = cardinality($7)
), identity AS (
    INSERT INTO :"schema".identities (created_at, topic_no, place, digest, id)
    SELECT now(), known.topics[b.topic], known.base + b.place, b.digest, b.id
    FROM known CROSS JOIN unnest($1::integer[], $2::integer[], $3::bytea[], $9::uuid[]) AS b (place, topic, id, digest)
    ON CONFLICT (topic_no, id) DO NOTHING
    RETURNING topic_no, place
), data AS (
    INSERT INTO :"schema".events (created_at, occurred_at, topic_no, place, id, source, payload)
    SELECT now(), b.occurred_at, i.topic_no, i.place, b.id, b.source, b.payload::json
    FROM known
    CROSS JOIN unnest($1::integer[], $3::bytea[], $4::timestamptz[], $5::text[], $6::text[])
        AS b (place, id, occurred_at, source, payload)
    JOIN identity AS i ON i.place = known.base + b.place
    RETURNING topic_no
), unproven AS (
    SELECT b.place
    FROM known CROSS JOIN unnest($1::integer[], $2::integer[], $3::bytea[], $9::uuid[]) AS b (place, topic, id, digest)
    WHERE (SELECT count(*) FROM identity) < cardinality($1::integer[])
      AND NOT EXISTS (SELECT FROM identity AS i WHERE i.place = known.base + b.place)
      AND b.digest IS DISTINCT FROM (
        SELECT i.digest FROM :"schema".identities AS i WHERE i.topic_no = known.topics[b.topic] AND i.id = b.id
      )
), counts AS MATERIALIZED (
    SELECT t.topic_no, t.shard, t.received, coalesce(s.events, 0) AS stored
    FROM known CROSS JOIN topic AS t
    LEFT JOIN (SELECT topic_no, count(*) AS events FROM data GROUP BY topic_no) AS s USING (topic_no)
), locked AS MATERIALIZED (
    SELECT l.lock FROM :"schema".locks AS l
    WHERE l.lock = ANY ((SELECT array_agg(DISTINCT CASE WHEN stored > 0 THEN shard ELSE 1000 + pg_backend_pid() % 64 END) FROM counts)::smallint[])
    ORDER BY l.lock
    FOR UPDATE
), numbered AS MATERIALIZED (
    SELECT nextval(':"schema".commit_numbers') AS n,
        coalesce((SELECT tick FROM :"schema".ticks ORDER BY tick DESC LIMIT 1), 0) AS after_tick
    FROM (SELECT count(*) AS locks FROM locked) AS all_locked
    WHERE locks > 0
), logged AS (
    INSERT INTO :"schema".commits (n, created_at, after_tick, topic_no, base, stored, duplicates, shard)
    SELECT numbered.n, now(), numbered.after_tick, c.topic_no, known.base, c.stored, c.received - c.stored, c.shard
    FROM counts AS c, numbered, known
    WHERE c.stored > 0
), repeated AS (
    INSERT INTO :"schema".repeats (n, created_at, topic_no, duplicates, lock)
    SELECT numbered.n, now(), c.topic_no, c.received, 1000 + pg_backend_pid() % 64
    FROM counts AS c, numbered
    WHERE c.stored = 0
)
SELECT place & 1048575 FROM identity
UNION ALL
SELECT -place FROM unproven
UNION ALL
SELECT 0 WHERE NOT EXISTS (SELECT FROM known)
