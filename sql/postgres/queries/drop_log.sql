-- Deletes about $1 rows of the log of dropped events.
SELECT state, deleted FROM :"schema".drop_log($1)
