-- Stores the data of events whose keys add_identities.sql has added.
INSERT INTO events (id, created_at, occurred_at, topic_no, event_id, source, payload) VALUES (?, ?, ?, ?, ?, ?, ?)
