-- The data of the event at an address.
SELECT created_at, occurred_at, source, payload::text
FROM :"schema".events
WHERE topic_no = $1 AND created_at = $2 AND place = $3
