-- Up to ?3 events with the ID ?7 in the topic ?8, or in all topics if it is '', with
-- ids from ?1 up to, not including, ?2, oldest first. ?4 is the source, or '' for any.
-- ?5 and ?6 bound created_at.
--
-- The look-up is that of older_by_id.sql.
SELECT id, created_at, occurred_at, topic, event_id, source, payload
FROM events
WHERE id IN (
    SELECT e.id
    FROM (SELECT ?8 AS topic WHERE ?8 <> '' UNION ALL SELECT topic FROM topic_stats WHERE ?8 = '') AS t
    CROSS JOIN events AS e
    WHERE e.topic = t.topic AND e.event_id = ?7 AND e.id >= ?1 AND e.id < ?2
      AND (?4 = '' OR e.source = ?4)
      AND e.created_at >= ?5 AND e.created_at < ?6
    ORDER BY e.id ASC
    LIMIT ?3
)
ORDER BY id ASC
