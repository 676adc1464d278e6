-- Up to ?2 topics after the number ?1 with their counters, and the number of their
-- identities. One statement reads one snapshot.
SELECT t.topic_no, t.topic, t.stored_events, t.duplicate_events, t.conflict_events, t.first_seen, t.last_seen,
    (SELECT count(*) FROM identities AS i WHERE i.topic_no = t.topic_no)
FROM topics AS t
WHERE t.topic_no > ?1
ORDER BY t.topic_no
LIMIT ?2
