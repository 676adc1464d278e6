-- Deletes an identity: topic_no, event_id, and the id that its event has.
DELETE FROM identities WHERE topic_no = ?1 AND event_id = ?2 AND event = ?3
