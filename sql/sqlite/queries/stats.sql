-- The totals, which are one row and so one moment.
SELECT unique_events, duplicate_events, topics FROM audit_stats
