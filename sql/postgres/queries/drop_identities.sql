-- Deletes identities that were created before $1, in the pages from $2 to, not
-- including, $3.
SELECT state, deleted FROM :"schema".drop_identities($1, $2, $3)
