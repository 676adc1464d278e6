-- Inserts topics that are new. If another transaction has inserted one and not
-- committed it, this one waits for its end: the next statement of this transaction
-- then sees it. $1 is sorted, so that two transactions lock topics in the same order.
-- The hash is the first 32 bits of the MD5 of the text in UTF-8, as in every version.
INSERT INTO :"schema".topics (topic, shard)
SELECT n.topic, s.shard
FROM (
    SELECT u.topic, u.place, ('x' || left(md5(u.topic), 8))::bit(32)::bigint % (SELECT shards FROM :"schema".layout) AS slot
    FROM unnest($1::text[]) WITH ORDINALITY AS u (topic, place)
    WHERE NOT EXISTS (SELECT FROM :"schema".topics AS t WHERE t.topic = u.topic)
) AS n JOIN :"schema".shards AS s USING (slot)
ORDER BY n.place
ON CONFLICT (topic) DO NOTHING
