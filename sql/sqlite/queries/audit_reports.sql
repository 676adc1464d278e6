-- Up to ?3 reports of duplicates after the key ?1, ?2: the report, the name of its topic,
-- or null, and whether its key has an identity. Retention may have dropped that.
SELECT r.topic_no, r.event_id, r.repeats, r.conflicts, r.first_seen <= r.last_seen, t.topic,
    EXISTS (SELECT 1 FROM identities AS i WHERE i.topic_no = r.topic_no AND i.event_id = r.event_id)
        OR (SELECT dropped_id > 0 FROM totals)
FROM duplicate_reports AS r
LEFT JOIN topics AS t ON t.topic_no = r.topic_no
WHERE (r.topic_no, r.event_id) > (?1, ?2)
ORDER BY r.topic_no, r.event_id
LIMIT ?3
