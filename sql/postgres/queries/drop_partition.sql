-- Drops the oldest partition if all of its events were created before $1.
SELECT state, coalesce(removed, 0) FROM :"schema".drop_partition($1)
