-- Makes the partitions for now and for $1 more widths ($2).
SELECT count(*) FILTER (WHERE :"schema".make_partition(now() + ahead * $2::interval, $2::interval)) FROM generate_series(0, $1::integer) AS ahead
