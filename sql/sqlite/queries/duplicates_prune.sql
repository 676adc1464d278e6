-- Drops the oldest reports of duplicates above the limits: ?1 for each topic, of those
-- without and of those with a conflict, and ?2 for all.
DELETE FROM duplicate_reports
WHERE (topic_no, event_id) IN (
    SELECT topic_no, event_id FROM (
        SELECT topic_no, event_id,
            row_number() OVER (PARTITION BY topic_no, conflicts > 0 ORDER BY last_seen DESC) AS in_topic,
            row_number() OVER (ORDER BY last_seen DESC) AS in_all
        FROM duplicate_reports
    )
    WHERE in_topic > ?1 OR in_all > ?2
)
