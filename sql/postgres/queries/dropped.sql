-- What was dropped: the first tick that has events, the fingerprint of the tick before it
-- (0 if there is none), and the position of the last dropped event.
SELECT r.first_tick, coalesce((SELECT t.fingerprint FROM :"schema".ticks AS t WHERE t.tick = r.first_tick - 1), 0), r.last_tick, r.last_n, r.last_seq
FROM :"schema".retention AS r
