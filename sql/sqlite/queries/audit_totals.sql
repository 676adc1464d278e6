-- The totals, and what they must be: the sums over the topics, the number of topics and
-- the number of the last one, and the last id. Then the number of events that were not
-- dropped, and the last id that was dropped, and what they must be.
SELECT s.stored_events, s.duplicate_events, s.conflict_events, s.topics, s.last_id,
    coalesce(sum(t.stored_events), 0), coalesce(sum(t.duplicate_events), 0), coalesce(sum(t.conflict_events), 0),
    count(t.topic_no), coalesce(max(t.topic_no), 0), coalesce((SELECT max(id) FROM events), 0),
    s.stored_events - s.dropped_events, (SELECT count(*) FROM events), s.dropped_id, (SELECT min(id) FROM events)
FROM totals AS s LEFT JOIN topics AS t ON true
GROUP BY s.only_row
