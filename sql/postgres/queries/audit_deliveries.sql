-- Up to $2 deliveries after the id $1.
SELECT replace(id::text, '-', ''), queued_at FROM :"schema".deliveries WHERE $1 = '' OR id > $1::text::uuid ORDER BY id LIMIT $2
