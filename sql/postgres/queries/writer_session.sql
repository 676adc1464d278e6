-- What exactly-once rests on, whatever the server or the role has for a
-- default. READ COMMITTED lets ON CONFLICT see what a rival has just committed.
-- Without synchronous_commit an answer could be given for a COMMIT that a crash
-- undoes; values stricter than "on" are left alone. And they write, also where
-- reading is the default.
SELECT
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('default_transaction_read_only', 'off', false),
    set_config('synchronous_commit', CASE
        WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'
        ELSE current_setting('synchronous_commit')
    END, false)
