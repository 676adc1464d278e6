-- older_by_id.sql for the events after the position, oldest first.
WITH chosen AS (
    SELECT topic_no, topic, shard FROM :"schema".topics WHERE topic = $2
    UNION ALL
    SELECT topic_no, topic, shard FROM :"schema".topics WHERE $2::text IS NULL
),
found AS (
    SELECT k.tick, k.fingerprint, c.n, i.place & 1048575 AS seq, p.topic, i.topic_no, i.created_at, i.place
    FROM chosen AS p
    CROSS JOIN LATERAL (
        SELECT topic_no, created_at, place FROM :"schema".identities WHERE topic_no = p.topic_no AND id = $1 LIMIT 1
    ) AS i
    CROSS JOIN LATERAL (
        SELECT n, after_tick FROM :"schema".commits
        WHERE topic_no = i.topic_no AND created_at = i.created_at AND base = i.place & ~1048575 LIMIT 1
    ) AS c
    CROSS JOIN LATERAL (
        SELECT t.tick, t.fingerprint FROM :"schema".ticks AS t CROSS JOIN unnest(t.shards, t.heads) AS m (shard, head)
        WHERE t.tick > c.after_tick AND m.shard = p.shard AND m.head >= c.n
        ORDER BY t.tick LIMIT 1
    ) AS k
    WHERE (k.tick, c.n, i.place & 1048575) > ($3::bigint, $4::bigint, $5::integer) AND k.tick <= $6
)
SELECT f.tick, f.fingerprint, f.n, f.seq, e.created_at, e.occurred_at, f.topic, e.id, e.source, e.payload::text
FROM found AS f
CROSS JOIN LATERAL (
    SELECT created_at, occurred_at, id, source, payload FROM :"schema".events
    WHERE topic_no = f.topic_no AND created_at = f.created_at AND place = f.place
    OFFSET 0
) AS e
WHERE ($7::text IS NULL OR e.source = $7)
  AND ($8::timestamptz IS NULL OR e.created_at >= $8)
  AND ($9::timestamptz IS NULL OR e.created_at < $9)
ORDER BY f.tick, f.n, f.seq
LIMIT $10
