-- Remembers one delivery, unless it is known.
INSERT INTO deliveries (id, queued_at) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING
