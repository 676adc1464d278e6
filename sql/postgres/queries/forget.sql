-- Forgets the deliveries that were queued before a moment. There are as many as
-- a queue took in some minutes, which is no reason for an index.
DELETE FROM deliveries WHERE queued_at < $1
