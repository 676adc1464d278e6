-- The newest event's place in the order of the store, 0 where there is none.
SELECT coalesce(max(id), 0) FROM events
