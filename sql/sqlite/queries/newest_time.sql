-- The latest time of all events, in microseconds since 1970, or null. It is not the
-- time of the newest event if the clock was set back.
SELECT max(newest) FROM event_times
