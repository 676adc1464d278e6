-- Deletes the deliveries that were queued before a time.
DELETE FROM deliveries WHERE queued_at < ?1
