-- The totals. They are one row, and so from one moment.
SELECT stored_events, duplicate_events, conflict_events, topics, stored_events - dropped_events FROM totals
