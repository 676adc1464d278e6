-- What is stored under keys: the index of the key, its digest, and the content of its
-- event, which is null if the data was dropped. $1…$3 are index, topic and key.
SELECT k.number, i.digest, e.occurred_at, e.source, e.payload::text
FROM unnest($1::integer[], $2::text[], $3::bytea[]) AS k (number, topic, id)
CROSS JOIN LATERAL (SELECT topic_no FROM :"schema".topics WHERE topic = k.topic OFFSET 0) AS t
CROSS JOIN LATERAL (SELECT created_at, place, digest FROM :"schema".identities WHERE topic_no = t.topic_no AND id = k.id OFFSET 0) AS i
LEFT JOIN LATERAL (
    SELECT occurred_at, source, payload FROM :"schema".events
    WHERE topic_no = t.topic_no AND created_at = i.created_at AND place = i.place
    OFFSET 0
) AS e ON true
