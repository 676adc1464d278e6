-- The id of the newest event. An audit covers the events up to it.
SELECT max(
    coalesce((SELECT last_id FROM totals), 0),
    coalesce((SELECT max(id) FROM events), 0)
)
