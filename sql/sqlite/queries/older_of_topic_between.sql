-- Up to ?3 events of the topic ?7 with ids from ?1 up to, not including, ?2, newest
-- first. ?4 is the source, or '' for any. ?5 and ?6 bound created_at. Only the
-- blocks of ids that have times between the bounds are read. CROSS JOIN keeps the
-- blocks in the outer loop, so that nothing is sorted.
SELECT events.id, events.created_at, events.occurred_at, topics.topic, events.event_id, events.source, events.payload
FROM event_times
CROSS JOIN events
CROSS JOIN topics USING (topic_no)
WHERE event_times.block >= max(?1, (SELECT dropped_id FROM totals)) >> 12 AND event_times.block <= ?2 >> 12
  AND event_times.newest >= ?5 AND event_times.oldest < ?6
  AND events.id >= max(?1, event_times.block << 12) AND events.id < min(?2, (event_times.block + 1) << 12)
  AND events.topic_no = (SELECT topic_no FROM topics WHERE topic = ?7)
  AND (?4 = '' OR events.source = ?4)
  AND events.created_at >= ?5 AND events.created_at < ?6
ORDER BY event_times.block DESC, events.id DESC
LIMIT ?3
