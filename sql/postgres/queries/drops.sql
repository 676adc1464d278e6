-- The number of partitions that were dropped.
SELECT drops FROM :"schema".retention
