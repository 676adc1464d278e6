-- The totals of each topic, busiest first. ?1 is one topic, or NULL for all. ?2 and
-- ?3 are received events and name of the last row before these, or NULL. ?4 is the
-- maximum number of rows, or -1.
SELECT topic, stored_events, duplicate_events, conflict_events, first_seen, last_seen
FROM topics
WHERE
    (?1 IS NULL OR topic = ?1)
    AND (
        ?2 IS NULL
        OR stored_events + duplicate_events < ?2
        OR (stored_events + duplicate_events = ?2 AND topic > ?3)
    )
ORDER BY stored_events + duplicate_events DESC, topic
LIMIT ?4
