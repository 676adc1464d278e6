-- The id of the last event whose data was dropped, 0 if there is none, and when it was
-- stored.
SELECT dropped_id, dropped_at FROM totals
