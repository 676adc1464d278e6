-- Deletes the times of blocks of ids before ?1.
DELETE FROM event_times WHERE block < ?1
