-- The totals. They are one row, and so from one moment.
SELECT unique_events, duplicate_events, topics FROM audit_stats
