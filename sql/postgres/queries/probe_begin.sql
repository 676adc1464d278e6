-- Begins the transaction of a probe: an append that is rolled back. READ COMMITTED as
-- all appends; a probe must not wait long for a lock.
BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '1s'
