-- The newest event's place in the order of the store and when it was stored, 0
-- where there is none; and when the last event before the id ?1 was, by which a
-- position is known for one of this data.
SELECT
    coalesce((SELECT max(id) FROM events), 0),
    (SELECT created_at FROM events WHERE id = (SELECT max(id) FROM events)),
    (SELECT created_at FROM events WHERE id < ?1 ORDER BY id DESC LIMIT 1)
