-- Up to ?2 topics after the number ?1 with their counters, and the numbers of their
-- identities, of those whose events were not dropped by retention, and of their events.
-- One statement reads one snapshot.
SELECT t.topic_no, t.topic, t.stored_events, t.duplicate_events, t.conflict_events, t.first_seen, t.last_seen, s.dropped_id > 0,
    (SELECT count(*) FROM identities AS i WHERE i.topic_no = t.topic_no),
    (SELECT count(*) FROM identities AS i WHERE i.topic_no = t.topic_no AND i.event > s.dropped_id),
    (SELECT count(*) FROM events AS e WHERE e.topic_no = t.topic_no)
FROM topics AS t CROSS JOIN totals AS s
WHERE t.topic_no > ?1
ORDER BY t.topic_no
LIMIT ?2
