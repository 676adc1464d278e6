-- The schemas that have tables of eventagg: the name, whether the version table is one
-- of them, whether there are others, and whether these have the first layout.
--
-- A version table that was dropped, or a dump that was restored without it, leaves
-- tables that must be found, too: with new, empty tables every old event would be
-- stored a second time. Other programs also have a table named events; the table of
-- eventagg is known by its columns. Names come from the catalog and not from the search
-- path, which a role, a database or a new schema can change.
WITH ours (name, columns, first) AS (VALUES
    ('eventagg_migrations', '{version_id}'::text[], false),
    ('identities', '{topic_no,place,digest}', false),
    ('events', '{created_at,topic_no,place,source}', false),
    ('commits', '{n,after_tick,topic_no}', false),
    ('totals', '{topic_no,stored,first_seen}', false),
    ('events', '{xid,seq,event_id,occurred_at}', true),
    ('audit_stats', '{shard,received,duplicates}', true),
    ('topic_stats', '{shard,received,duplicates,first_seen}', true)
)
SELECT
    n.nspname::text,
    bool_or(o.name = 'eventagg_migrations'),
    bool_or(o.name <> 'eventagg_migrations'),
    bool_or(o.first)
FROM ours AS o
JOIN pg_class AS c ON c.relname = o.name AND c.relkind IN ('r', 'p')
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_'
  AND o.columns <@ (SELECT array_agg(a.attname::text) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND NOT a.attisdropped)
GROUP BY n.nspname
ORDER BY n.nspname
