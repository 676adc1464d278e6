-- Compares up to $4 identities after the key $1, $2 with the events at their addresses.
-- $3 is the last time of an event. The first row has the number of identities, and the
-- last one. Each further row with -1 is an identity whose event is missing or has another
-- key, and each with -2 is the first one of a topic that is not in the dictionary.
--
-- Events from before data_from were dropped by retention.
WITH page AS MATERIALIZED (
    SELECT topic_no, id, created_at, place FROM :"schema".identities
    WHERE (topic_no, id) > ($1, $2) AND created_at <= $3
    ORDER BY topic_no, id
    LIMIT $4
)
SELECT (SELECT count(*) FROM page), last.topic_no, last.id, NULL::timestamptz, NULL::integer, NULL::bytea
FROM (SELECT) AS one LEFT JOIN (SELECT topic_no, id FROM page ORDER BY topic_no DESC, id DESC LIMIT 1) AS last ON true
UNION ALL
SELECT -1, i.topic_no, i.id, i.created_at, i.place, e.id
FROM page AS i
LEFT JOIN LATERAL (
    SELECT id FROM :"schema".events WHERE topic_no = i.topic_no AND created_at = i.created_at AND place = i.place OFFSET 0
) AS e ON true
WHERE e.id IS DISTINCT FROM i.id
  AND (e.id IS NOT NULL OR i.created_at >= (SELECT data_from FROM :"schema".retention))
UNION ALL
SELECT -2, i.topic_no, (array_agg(i.id))[1], NULL, NULL, NULL
FROM page AS i
WHERE NOT EXISTS (SELECT FROM :"schema".topics AS t WHERE t.topic_no = i.topic_no)
GROUP BY i.topic_no
