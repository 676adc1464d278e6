-- When the newest event was stored, in microseconds since 1970, or 0.
SELECT coalesce(max(created_at), 0) FROM events
