-- Up to ?4 identities after the key ?1, ?2 of events up to the id ?3: the topic, the key,
-- the id and the key of the event, which are null if it is missing, the name of the topic,
-- and whether retention has dropped the event.
SELECT i.topic_no, i.event_id, i.event, e.topic_no, e.event_id, t.topic, i.event <= (SELECT dropped_id FROM totals)
FROM identities AS i
LEFT JOIN events AS e ON e.id = i.event
LEFT JOIN topics AS t ON t.topic_no = i.topic_no
WHERE (i.topic_no, i.event_id) > (?1, ?2) AND i.event <= ?3
ORDER BY i.topic_no, i.event_id
LIMIT ?4
