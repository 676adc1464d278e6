-- About how many rows an audit checks: events, topics, and ticks.
SELECT s.stored, (SELECT count(*) FROM :"schema".topics), coalesce((SELECT max(tick) FROM :"schema".ticks), 0)
FROM :"schema".sums AS s
