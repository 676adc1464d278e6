-- Adds keys: number of the topic, event_id, the id that the event will have, and the
-- digest of its content. A key that exists is left out.
INSERT INTO identities (topic_no, event_id, event, digest) VALUES (?, ?, ?, ?)
ON CONFLICT (topic_no, event_id) DO NOTHING
