-- The oldest events up to ?1 of them, in their order: id, created_at, bytes of the
-- payload.
SELECT id, created_at, octet_length(payload) FROM events ORDER BY id LIMIT ?1
