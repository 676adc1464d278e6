-- The number of prepared transactions, and the age of the oldest one in seconds.
SELECT
    count(*) AS prepared,
    coalesce(extract(epoch FROM max(clock_timestamp() - prepared)), 0)::bigint AS oldest_prepared
FROM pg_prepared_xacts
