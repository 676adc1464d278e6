-- The totals of each topic, busiest first. $1 is one topic, or NULL for all. $2 and
-- $3 are received events and name of the last row before these, or NULL. $4 is the
-- maximum number of rows, or NULL.
SELECT topic, sum(received - duplicates)::bigint, sum(duplicates)::bigint, min(first_seen), max(last_seen)
FROM :"schema".topic_stats
WHERE $1::text IS NULL OR topic = $1
GROUP BY topic
HAVING $2::bigint IS NULL OR sum(received) < $2 OR (sum(received) = $2 AND topic > $3::text)
ORDER BY sum(received) DESC, topic
LIMIT $4::bigint
