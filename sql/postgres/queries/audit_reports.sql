-- Up to $3 reports of duplicates after the key $1, $2: the report, whether its topic is in
-- the dictionary, and whether its key has an identity. Retention may have dropped that.
SELECT r.topic_no, r.id, r.repeats, r.conflicts, r.first_seen <= r.last_seen,
    EXISTS (SELECT FROM :"schema".topics AS t WHERE t.topic_no = r.topic_no),
    EXISTS (SELECT FROM :"schema".identities AS i WHERE i.topic_no = r.topic_no AND i.id = r.id)
        OR (SELECT data_from > '-infinity' FROM :"schema".retention)
FROM :"schema".duplicate_reports AS r
WHERE (r.topic_no, r.id) > ($1, $2)
ORDER BY r.topic_no, r.id
LIMIT $3
