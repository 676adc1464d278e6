-- Readers plan each call for its own values, so that a filter that is not set does
-- not prevent the index of one that is. A read that waits for a
-- lock, of an ALTER TABLE for example, gives its connection back after one second:
-- otherwise a few of them would keep all other readers out. Compiling a plan (JIT)
-- takes longer than any of these statements. Nothing makes the session read-only: behind
-- a pooler that database.pooler does not name, the settings outlive the client, and the
-- transactions of the next one would fail.
SELECT
    set_config('lock_timeout', '1s', false),
    set_config('plan_cache_mode', 'force_custom_plan', false),
    set_config('jit', 'off', false)
