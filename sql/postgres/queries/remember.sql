-- Remembers deliveries and answers those that were not known. A delivery that
-- another transaction has remembered and not committed makes this one wait for
-- its end. They are sorted, so that two that share some lock them in one order.
INSERT INTO deliveries (id, queued_at)
SELECT d.id, d.queued_at
FROM unnest($1::uuid[], $2::timestamptz[]) AS d (id, queued_at)
ORDER BY d.id
ON CONFLICT (id) DO NOTHING
RETURNING id
