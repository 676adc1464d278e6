-- Drops the tables of detached partitions, and returns their number.
SELECT :"schema".drop_detached()
