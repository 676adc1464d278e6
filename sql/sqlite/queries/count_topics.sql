-- Adds to the counters of topics, and adds those topics that are new. Their numbers are
-- the next ones. The parameters are number, topic, stored events, duplicates,
-- conflicts, and now twice.
INSERT INTO topics (topic_no, topic, stored_events, duplicate_events, conflict_events, first_seen, last_seen) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (topic_no) DO UPDATE SET
    stored_events    = stored_events + excluded.stored_events,
    duplicate_events = duplicate_events + excluded.duplicate_events,
    conflict_events  = conflict_events + excluded.conflict_events,
    last_seen        = excluded.last_seen
