-- The partitions that the table lists, and those that are attached, with their bounds as
-- texts. What is missing is null.
SELECT coalesce(p.name, a.name), p.lower, p.upper,
    'FOR VALUES FROM (' || quote_literal(p.lower) || ') TO (' || quote_literal(p.upper) || ')', a.bound
FROM :"schema".partitions AS p
FULL JOIN (
    SELECT c.relname::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
    FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhrelid
    JOIN pg_class AS parent ON parent.oid = i.inhparent
    JOIN pg_namespace AS n ON n.oid = parent.relnamespace
    WHERE n.nspname = :'schema' AND parent.relname = 'events' AND NOT i.inhdetachpending
) AS a ON a.name = p.name
ORDER BY p.lower NULLS LAST, a.name
