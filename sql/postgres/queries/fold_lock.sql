-- Locks the totals until the end of the transaction, and returns 1. It returns 0 if
-- another instance folds: that is sufficient. It is one row, so that there is no
-- moment at which two instances have a part of the lock each.
SELECT count(*) FROM (SELECT FROM :"schema".sums FOR UPDATE SKIP LOCKED) AS locked
