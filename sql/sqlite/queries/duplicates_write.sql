-- Adds reports of duplicates. The parameters are topic, key, repeats, conflicts, times of
-- the first and the latest repeat, and JSON arrays of sources and of differing members.
INSERT INTO duplicate_reports (topic_no, event_id, repeats, conflicts, first_seen, last_seen, sources, differing)
SELECT topics.topic_no, b.column2, b.column3, b.column4, b.column5, b.column6, b.column7, b.column8
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?)) AS b CROSS JOIN topics ON topics.topic = b.column1
WHERE true
ON CONFLICT (topic_no, event_id) DO UPDATE SET
    repeats    = repeats + excluded.repeats,
    conflicts  = conflicts + excluded.conflicts,
    first_seen = min(first_seen, excluded.first_seen),
    last_seen  = max(last_seen, excluded.last_seen),
    sources    = CASE WHEN sources = excluded.sources THEN sources ELSE (
        SELECT json_group_array(value) FROM (
            SELECT value FROM (SELECT key, value FROM json_each(sources) UNION ALL SELECT key + 8, value FROM json_each(excluded.sources))
            GROUP BY value ORDER BY min(key) LIMIT 8
        )
    ) END,
    differing  = CASE WHEN differing = excluded.differing THEN differing ELSE (
        SELECT json_group_array(value) FROM (
            SELECT value FROM (SELECT key, value FROM json_each(differing) UNION ALL SELECT key + 16, value FROM json_each(excluded.differing))
            GROUP BY value ORDER BY min(key) LIMIT 16
        )
    ) END
