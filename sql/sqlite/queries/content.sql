-- The content of the event with an id.
SELECT occurred_at, source, payload FROM events WHERE id = ?1
