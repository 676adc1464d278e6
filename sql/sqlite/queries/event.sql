-- The event with a key.
SELECT events.id, events.created_at, events.occurred_at, topics.topic, events.event_id, events.source, events.payload
FROM topics
CROSS JOIN identities USING (topic_no)
CROSS JOIN events ON events.id = identities.event
WHERE topics.topic = ?1 AND identities.event_id = ?2
