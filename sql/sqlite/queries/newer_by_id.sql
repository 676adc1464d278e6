-- Up to ?3 events with the ID ?7 in the topic ?8, or in all topics if it is '', with
-- ids from ?1 up to, not including, ?2, oldest first. ?4 is the source, or '' for any.
-- ?5 and ?6 bound created_at.
--
-- The look-up is that of older_by_id.sql.
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
    ORDER BY e.id ASC
    LIMIT ?3
)
ORDER BY id ASC
