-- The first topics whose counter differs from their rows: topic, counter, identities,
-- events. A topic without a row in topics has the name NULL.
WITH counted (topic_no, stored_events, identities, events) AS (
    SELECT topic_no, stored_events, 0, 0 FROM topics
    UNION ALL
    SELECT topic_no, 0, count(*), 0 FROM identities GROUP BY topic_no
    UNION ALL
    SELECT topic_no, 0, 0, count(*) FROM events GROUP BY topic_no
)
SELECT topics.topic, sum(counted.stored_events), sum(counted.identities) AS identities, sum(counted.events) AS events
FROM counted LEFT JOIN topics USING (topic_no)
GROUP BY counted.topic_no
HAVING sum(counted.stored_events) <> sum(counted.identities) OR sum(counted.identities) <> sum(counted.events)
ORDER BY counted.topic_no
LIMIT 10
