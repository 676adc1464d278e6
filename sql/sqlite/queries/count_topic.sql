-- Adds to the counters of an existing topic: ?2 stored, ?3 duplicates, ?4 now.
UPDATE topic_stats
SET unique_events    = unique_events + ?2,
    duplicate_events = duplicate_events + ?3,
    last_seen        = ?4
WHERE topic = ?1
