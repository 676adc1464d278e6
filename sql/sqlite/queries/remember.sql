-- Inserts a delivery, unless it is remembered.
INSERT INTO deliveries (id, queued_at) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING
