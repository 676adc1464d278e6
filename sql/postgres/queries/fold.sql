-- Adds what the logs have after the pointers to the totals and moves the pointers, in
-- one statement and so from one snapshot. A reader sees all of it or nothing, and a
-- crash undoes all of it. The lock of fold_lock.sql must be held. Rows of repeats
-- have no other use and are deleted.
WITH heads AS MATERIALIZED (
    SELECT f.lock, f.n AS base, greatest(f.n,
        (SELECT c.n FROM :"schema".commits AS c WHERE c.shard = f.lock ORDER BY c.n DESC LIMIT 1),
        (SELECT r.n FROM :"schema".repeats AS r WHERE r.lock = f.lock ORDER BY r.n DESC LIMIT 1)) AS head
    FROM :"schema".folded AS f
), deleted AS (
    DELETE FROM :"schema".repeats AS r USING heads AS h
    WHERE r.lock = h.lock AND r.n > h.base AND r.n <= h.head
    RETURNING r.topic_no, r.duplicates, r.conflicts, r.created_at
), committed AS MATERIALIZED (
    SELECT c.topic_no, c.stored, c.duplicates, 0 AS conflicts, c.created_at
    FROM heads AS h CROSS JOIN LATERAL (
        SELECT topic_no, stored, duplicates, created_at FROM :"schema".commits
        WHERE shard = h.lock AND n > h.base AND n <= h.head OFFSET 0
    ) AS c
), range AS MATERIALIZED (
    SELECT min(created_at) AS oldest, max(created_at) AS newest FROM committed
), partitioned AS (
    UPDATE :"schema".partitions AS p SET stored = p.stored + c.stored
    FROM (
        SELECT q.name, sum(c.stored)::bigint AS stored
        FROM (
            SELECT q.name, q.lower, q.upper FROM range CROSS JOIN :"schema".partitions AS q
            WHERE q.lower <= range.newest AND q.upper > range.oldest
        ) AS q JOIN committed AS c ON c.created_at >= q.lower AND c.created_at < q.upper
        GROUP BY q.name
    ) AS c
    WHERE p.name = c.name
), added AS MATERIALIZED (
    SELECT topic_no, sum(stored) AS stored, sum(duplicates) AS duplicates, sum(conflicts) AS conflicts, min(created_at) AS first_seen, max(created_at) AS last_seen
    FROM (
        SELECT topic_no, stored, duplicates, conflicts, created_at FROM committed
        UNION ALL
        SELECT topic_no, 0, duplicates, conflicts, created_at FROM deleted
    ) AS logged
    GROUP BY topic_no
), totalled AS (
    INSERT INTO :"schema".totals AS t (topic_no, stored, duplicates, conflicts, first_seen, last_seen)
    SELECT topic_no, stored, duplicates, conflicts, first_seen, last_seen FROM added ORDER BY topic_no
    ON CONFLICT (topic_no) DO UPDATE SET
        stored     = t.stored + excluded.stored,
        duplicates = t.duplicates + excluded.duplicates,
        conflicts  = t.conflicts + excluded.conflicts,
        first_seen = least(t.first_seen, excluded.first_seen),
        last_seen  = greatest(t.last_seen, excluded.last_seen)
    RETURNING (xmax = 0)::integer AS topics -- whether the row is new
), summed AS (
    UPDATE :"schema".sums AS s SET
        stored     = s.stored + (SELECT coalesce(sum(stored), 0) FROM added)::bigint,
        duplicates = s.duplicates + (SELECT coalesce(sum(duplicates), 0) FROM added)::bigint,
        conflicts  = s.conflicts + (SELECT coalesce(sum(conflicts), 0) FROM added)::bigint,
        topics     = s.topics + (SELECT coalesce(sum(topics), 0) FROM totalled)::bigint
)
UPDATE :"schema".folded AS f SET n = h.head FROM heads AS h WHERE f.lock = h.lock AND h.head > h.base
