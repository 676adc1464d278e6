-- Stores one event, unless its key exists. A duplicate changes no row.
INSERT INTO events (created_at, occurred_at, topic, event_id, source, payload)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (topic, event_id) DO NOTHING
