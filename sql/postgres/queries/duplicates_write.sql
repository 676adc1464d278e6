-- Adds reports of duplicates. $1…$8 are their columns, sorted by topic and key: topic,
-- key, repeats, conflicts, the ages in microseconds of the first and the latest repeat,
-- and JSON arrays of sources and of differing members. Ages and not times: the clocks of
-- the instances may differ.
--
-- The row with the number 2000 is locked, so that two writers never wait for each other's
-- reports in different orders.
WITH locked AS MATERIALIZED (
    SELECT count(*) FROM (SELECT FROM :"schema".locks WHERE lock = 2000 FOR UPDATE) AS l
)
INSERT INTO :"schema".duplicate_reports AS r (topic_no, id, repeats, conflicts, first_seen, last_seen, sources, differing)
SELECT t.topic_no, b.id, b.repeats, b.conflicts,
    statement_timestamp() - b.first_age * interval '1 microsecond', statement_timestamp() - b.last_age * interval '1 microsecond',
    ARRAY(SELECT json_array_elements_text(b.sources::json)), ARRAY(SELECT json_array_elements_text(b.differing::json))
FROM locked
CROSS JOIN unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[])
    WITH ORDINALITY AS b (topic, id, repeats, conflicts, first_age, last_age, sources, differing, place)
JOIN :"schema".topics AS t ON t.topic = b.topic
ON CONFLICT (topic_no, id) DO UPDATE SET
    repeats    = r.repeats + excluded.repeats,
    conflicts  = r.conflicts + excluded.conflicts,
    first_seen = least(r.first_seen, excluded.first_seen),
    last_seen  = greatest(r.last_seen, excluded.last_seen),
    sources    = CASE WHEN r.sources @> excluded.sources THEN r.sources ELSE ARRAY(
        SELECT u.text FROM unnest(r.sources || excluded.sources) WITH ORDINALITY AS u (text, place)
        GROUP BY u.text ORDER BY min(u.place) LIMIT 8
    ) END,
    differing  = CASE WHEN r.differing @> excluded.differing THEN r.differing ELSE ARRAY(
        SELECT u.text FROM unnest(r.differing || excluded.differing) WITH ORDINALITY AS u (text, place)
        GROUP BY u.text ORDER BY min(u.place) LIMIT 16
    ) END
