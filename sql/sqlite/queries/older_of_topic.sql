-- Up to ?3 events of the topic ?5 with ids from ?1 up to, not including, ?2, newest
-- first. ?4 is the source, or '' for any.
SELECT events.id, events.created_at, events.occurred_at, topics.topic, events.event_id, events.source, events.payload
FROM events
CROSS JOIN topics USING (topic_no)
WHERE id >= ?1 AND id < ?2 AND events.topic_no = (SELECT topic_no FROM topics WHERE topic = ?5)
  AND (?4 = '' OR source = ?4)
ORDER BY id DESC
LIMIT ?3
