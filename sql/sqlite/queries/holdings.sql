-- The time of the oldest event with data (null if there is none), that of the newest,
-- the number of them, and the bytes of the file.
SELECT
    (SELECT created_at FROM events ORDER BY id LIMIT 1),
    (SELECT max(newest) FROM event_times),
    stored_events - dropped_events,
    (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)
FROM totals
