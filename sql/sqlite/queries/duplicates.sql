-- Reports of duplicates, the one with the latest duplicate first. ?1 is one topic, or
-- NULL for all; ?2 selects those with conflicts. ?3…?5 are the time, topic and key of the
-- last row before these, or NULL. ?6 is the maximum number of rows, or -1.
SELECT topics.topic, r.event_id, r.repeats, r.conflicts, r.first_seen, r.last_seen, r.sources, r.differing
FROM duplicate_reports AS r CROSS JOIN topics USING (topic_no)
WHERE (?1 IS NULL OR r.topic_no = (SELECT topic_no FROM topics WHERE topic = ?1))
    AND (NOT ?2 OR r.conflicts > 0)
    AND (?3 IS NULL OR (r.last_seen, r.topic_no, r.event_id) < (?3, coalesce((SELECT topic_no FROM topics WHERE topic = ?4), 0), ?5))
ORDER BY r.last_seen DESC, r.topic_no DESC, r.event_id DESC
LIMIT ?6
