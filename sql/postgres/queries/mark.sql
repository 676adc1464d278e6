-- When the last event at or before the position ($1, $2) was stored, null where
-- there is none: by that the position is known for one of this data.
SELECT (SELECT created_at FROM events WHERE (xid, seq) <= ($1::xid8, $2::integer) ORDER BY xid DESC, seq DESC LIMIT 1)
