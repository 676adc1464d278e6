-- The totals of each topic, busiest first.
SELECT topic, unique_events, duplicate_events, first_seen, last_seen
FROM topic_stats
ORDER BY unique_events + duplicate_events DESC, topic
