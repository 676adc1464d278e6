-- The fingerprint of a tick.
SELECT fingerprint FROM :"schema".ticks WHERE tick = $1
