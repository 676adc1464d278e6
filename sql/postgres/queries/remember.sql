-- Inserts deliveries and returns those that were new. If another transaction has
-- inserted a delivery and not committed it, this one waits for its end. They are
-- sorted, so that two transactions with the same deliveries lock them in the same
-- order.
INSERT INTO :"schema".deliveries (id, queued_at)
SELECT d.id, d.queued_at
FROM unnest($1::uuid[], $2::timestamptz[]) AS d (id, queued_at)
ORDER BY d.id
ON CONFLICT (id) DO NOTHING
RETURNING id
