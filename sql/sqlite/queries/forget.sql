-- Forgets the deliveries that were queued before a moment.
DELETE FROM deliveries WHERE queued_at < ?1
