-- When the last event at or before the position ($1, $2) was stored, null if there
-- is none. The fingerprint of a position is made from it, and shows whether the
-- position belongs to this data.
SELECT (SELECT created_at FROM :"schema".events WHERE (xid, seq) <= ($1::xid8, $2::integer) ORDER BY xid DESC, seq DESC LIMIT 1)
