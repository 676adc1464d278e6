-- Up to ?3 events after the id ?1 and up to ?2: the event, the name of its topic, the event
-- and the digest of its identity, and the times of its block. What is missing is null.
SELECT e.id, e.topic_no, e.event_id, e.occurred_at, e.source, e.payload, e.created_at,
    t.topic, i.event, i.digest, b.oldest, b.newest
FROM events AS e
LEFT JOIN topics AS t ON t.topic_no = e.topic_no
LEFT JOIN identities AS i ON i.topic_no = e.topic_no AND i.event_id = e.event_id
LEFT JOIN event_times AS b ON b.block = e.id >> 12
WHERE e.id > ?1 AND e.id <= ?2
ORDER BY e.id
LIMIT ?3
