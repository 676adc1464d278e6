-- The fingerprint of the tick $1, and the one before events at or after it were
-- dropped, or null.
SELECT fingerprint, was FROM :"schema".ticks WHERE tick = $1
