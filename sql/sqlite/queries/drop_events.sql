-- Deletes the data of the events with ids up to ?1.
DELETE FROM events WHERE id <= ?1
