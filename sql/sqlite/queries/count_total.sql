-- Adds to the totals: ?1 stored, ?2 duplicates, ?3 new topics. ?4 is the id of the last
-- stored event, ?5 the number of conflicts.
UPDATE totals
SET stored_events    = stored_events + ?1,
    duplicate_events = duplicate_events + ?2,
    conflict_events  = conflict_events + ?5,
    topics           = topics + ?3,
    last_id          = ?4
