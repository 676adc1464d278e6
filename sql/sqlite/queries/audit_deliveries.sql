-- Up to ?2 deliveries after the id ?1.
SELECT id, queued_at FROM deliveries WHERE id > ?1 ORDER BY id LIMIT ?2
