-- Where the event with the topic $1 and the key $2 is: its address, the transaction
-- that stored it, and the tick of that transaction, which is null if there is none yet.
SELECT i.topic_no, i.created_at, i.place, c.n, c.base, k.tick, k.fingerprint
FROM :"schema".topics AS p
JOIN :"schema".identities AS i ON i.topic_no = p.topic_no AND i.id = $2
LEFT JOIN :"schema".commits AS c
    ON c.topic_no = i.topic_no AND c.created_at = i.created_at AND c.base = i.place & ~1048575
LEFT JOIN LATERAL (
    SELECT t.tick, t.fingerprint FROM :"schema".ticks AS t CROSS JOIN unnest(t.shards, t.heads) AS m (shard, head)
    WHERE t.tick > c.after_tick AND m.shard = p.shard AND m.head >= c.n
    ORDER BY t.tick LIMIT 1
) AS k ON true
WHERE p.topic = $1
