-- Whether the oldest partition has only events that were created before $1.
SELECT EXISTS (SELECT FROM :"schema".partitions WHERE upper <= least($1::timestamptz, now()))
