-- Reports of duplicates, the one with the latest duplicate first. $1 is one topic, or
-- NULL for all; $2 selects those with conflicts. $3…$5 are the time, topic and key of the
-- last row before these, or NULL. $6 is the maximum number of rows, or NULL.
SELECT t.topic, r.id, r.repeats, r.conflicts, r.first_seen, r.last_seen, r.sources, r.differing
FROM :"schema".duplicate_reports AS r JOIN :"schema".topics AS t USING (topic_no)
WHERE ($1::text IS NULL OR r.topic_no = (SELECT topic_no FROM :"schema".topics WHERE topic = $1))
    AND (NOT $2::boolean OR r.conflicts > 0)
    AND ($3::timestamptz IS NULL
        OR (r.last_seen, r.topic_no, r.id) < ($3, coalesce((SELECT topic_no FROM :"schema".topics WHERE topic = $4::text), 0), $5::bytea))
ORDER BY r.last_seen DESC, r.topic_no DESC, r.id DESC
LIMIT $6::bigint
