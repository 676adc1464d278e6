-- Adds to the totals: ?1 stored, ?2 duplicates, ?3 new topics.
UPDATE audit_stats
SET unique_events    = unique_events + ?1,
    duplicate_events = duplicate_events + ?2,
    topics           = topics + ?3
