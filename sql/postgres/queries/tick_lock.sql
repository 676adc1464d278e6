-- Waits until no other transaction makes a tick, and locks ticks until the end of this one.
SELECT FROM :"schema".layout FOR UPDATE
