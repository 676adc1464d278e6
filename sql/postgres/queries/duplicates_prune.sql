-- Drops the oldest reports of duplicates above the limits: $1 for each topic, of those
-- without and of those with a conflict, and $2 for all. Reports of the same time have any
-- order: comparing their keys would take four times as long. The lock is that of
-- duplicates_write.sql.
WITH locked AS MATERIALIZED (
    SELECT count(*) FROM (SELECT FROM :"schema".locks WHERE lock = 2000 FOR UPDATE) AS l
), ranked AS (
    SELECT topic_no, id,
        row_number() OVER (PARTITION BY topic_no, conflicts > 0 ORDER BY last_seen DESC) AS in_topic,
        row_number() OVER (ORDER BY last_seen DESC) AS in_all
    FROM :"schema".duplicate_reports
)
DELETE FROM :"schema".duplicate_reports AS r
USING locked, ranked
WHERE r.topic_no = ranked.topic_no AND r.id = ranked.id AND (ranked.in_topic > $1::bigint OR ranked.in_all > $2::bigint)
