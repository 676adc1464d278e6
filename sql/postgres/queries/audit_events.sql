-- Up to $7 events of one partition, from $1 up to, not including, $2, after the address
-- $3, $4, $5, and the address and digest in the identity of each. $6 is the last time of an
-- event.
SELECT e.topic_no, e.created_at, e.place, e.id, e.occurred_at, e.source, e.payload::text, i.created_at, i.place, i.digest
FROM (
    SELECT topic_no, created_at, place, id, occurred_at, source, payload FROM :"schema".events
    WHERE created_at >= $1 AND created_at < $2 AND created_at <= $6 AND (topic_no, created_at, place) > ($3, $4, $5)
    ORDER BY topic_no, created_at, place
    LIMIT $7
) AS e
LEFT JOIN LATERAL (
    SELECT created_at, place, digest FROM :"schema".identities WHERE topic_no = e.topic_no AND id = e.id OFFSET 0
) AS i ON true
ORDER BY e.topic_no, e.created_at, e.place
