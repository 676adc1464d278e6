-- Up to ?3 identities after the one with the topic_no ?1 and the event_id ?2.
SELECT topic_no, event_id, event FROM identities
WHERE (topic_no, event_id) > (?1, ?2)
ORDER BY topic_no, event_id
LIMIT ?3
