-- Deletes the deliveries that were queued before a time. The table has only the
-- deliveries of some minutes, so an index would not pay.
DELETE FROM :"schema".deliveries WHERE queued_at < $1
