-- The id of the first event that was stored at or after ?1 (null if there is none), and
-- how many events with data are before it.
SELECT first, (SELECT count(*) FROM events WHERE id < coalesce(first, 9223372036854775807))
FROM (SELECT min(id) AS first FROM events WHERE created_at >= ?1)
