-- The totals of each topic, busiest first.
SELECT topic, sum(received - duplicates)::bigint, sum(duplicates)::bigint, min(first_seen), max(last_seen)
FROM :"schema".topic_stats
GROUP BY topic
ORDER BY sum(received) DESC, topic
