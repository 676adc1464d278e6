-- events_after.sql, the events of each transaction in the opposite order.
SELECT g.number, e.place & 1048575, e.created_at, e.occurred_at, e.topic_no, e.id, e.source, e.payload::text
FROM unnest($1::integer[], $2::integer[], $3::timestamptz[], $4::integer[], $5::integer[]) AS g (number, topic_no, created_at, low, high)
CROSS JOIN LATERAL (
    SELECT place, created_at, occurred_at, topic_no, id, source, payload FROM :"schema".events
    WHERE topic_no = g.topic_no AND created_at = g.created_at AND place >= g.low AND place <= g.high
      AND created_at >= $6 AND created_at <= $7
      AND ($8::text IS NULL OR source = $8)
    OFFSET 0
) AS e
ORDER BY g.number, e.place DESC
LIMIT $9
