-- Up to ?3 events with the ID ?7 in the topic ?8, or in all topics if it is '', with
-- ids from ?1 up to, not including, ?2, newest first. ?4 is the source, or '' for any.
-- ?5 and ?6 bound created_at.
--
-- No index begins with event_id: it would cost every append a random write. So the ID
-- is looked up in one topic after the other. ingest.max_topics bounds the number of
-- look-ups. Payloads are read after the page is cut.
SELECT events.id, events.created_at, events.occurred_at, topics.topic, events.event_id, events.source, events.payload
FROM events
CROSS JOIN topics USING (topic_no)
WHERE id IN (
    SELECT e.id
    FROM (SELECT topic_no FROM topics WHERE topic = ?8 UNION ALL SELECT topic_no FROM topics WHERE ?8 = '') AS t
    CROSS JOIN identities AS i USING (topic_no)
    CROSS JOIN events AS e ON e.id = i.event
    WHERE i.event_id = ?7 AND e.id >= ?1 AND e.id < ?2
      AND (?4 = '' OR e.source = ?4)
      AND e.created_at >= ?5 AND e.created_at < ?6
    ORDER BY e.id DESC
    LIMIT ?3
)
ORDER BY id DESC
