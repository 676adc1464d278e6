-- The first block of ids that has an event from the time ?1 on, or whose events have
-- data. null if there is none.
SELECT min(block) FROM event_times WHERE newest >= ?1 OR block >= (SELECT dropped_id + 1 FROM totals) >> 12
