-- The first topic whose counter differs from its rows: topic, counter, identities, and
-- of the events that retention has not dropped the identities and the data. Identities
-- of dropped events may be gone, too. A topic without a row in topics has the name NULL.
WITH dropped (id) AS (SELECT dropped_id FROM totals),
counted (topic_no, stored, identities, kept, events) AS (
    SELECT topic_no, stored_events, 0, 0, 0 FROM topics
    UNION ALL
    SELECT topic_no, 0, count(*), sum(event > (SELECT id FROM dropped)), 0 FROM identities GROUP BY topic_no
    UNION ALL
    SELECT topic_no, 0, 0, 0, count(*) FROM events GROUP BY topic_no
)
SELECT topics.topic, sum(counted.stored) AS stored, sum(counted.identities) AS identities, sum(counted.kept) AS kept, sum(counted.events) AS events
FROM counted LEFT JOIN topics USING (topic_no)
GROUP BY counted.topic_no
HAVING sum(counted.kept) <> sum(counted.events)
    OR sum(counted.identities) > sum(counted.stored)
    OR (sum(counted.identities) < sum(counted.stored) AND (SELECT id FROM dropped) = 0)
ORDER BY counted.topic_no
LIMIT 1
