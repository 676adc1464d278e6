-- Whether the event with a key was ever stored.
SELECT EXISTS (
    SELECT 1 FROM topics CROSS JOIN identities USING (topic_no) WHERE topics.topic = ?1 AND identities.event_id = ?2
)
