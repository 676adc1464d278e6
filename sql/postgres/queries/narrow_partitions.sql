-- Drops partitions that have no events, end in the future and are longer than $1.
SELECT :"schema".narrow_partitions($1)
