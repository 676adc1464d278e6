-- Counts ?1 events whose data was dropped. The last one has the id ?2 and was stored at
-- ?3.
UPDATE totals SET dropped_events = dropped_events + ?1, dropped_id = ?2, dropped_at = ?3
