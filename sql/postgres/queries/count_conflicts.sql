-- Counts conflicts: $1 are topics, and $2 the number of each. The duplicates are counted
-- already. The lock is that of the session, as in append.sql.
WITH locked AS MATERIALIZED (
    SELECT lock FROM :"schema".locks WHERE lock = 1000 + pg_backend_pid() % 64 FOR UPDATE
)
INSERT INTO :"schema".repeats (n, created_at, topic_no, duplicates, conflicts, lock)
SELECT nextval(':"schema".commit_numbers'), now(), t.topic_no, 0, c.conflicts, locked.lock
FROM locked CROSS JOIN unnest($1::text[], $2::integer[]) AS c (topic, conflicts) JOIN :"schema".topics AS t ON t.topic = c.topic
