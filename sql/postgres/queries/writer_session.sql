-- The settings that exactly-once needs, whatever the defaults of the server or the
-- role are. With READ COMMITTED, ON CONFLICT sees what a concurrent transaction has
-- just committed. Without synchronous_commit a response could be sent for a COMMIT
-- that a crash then loses; stricter values than "on" stay. The session may write,
-- even if the default is read-only.
SELECT
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('default_transaction_read_only', 'off', false),
    set_config('synchronous_commit', CASE
        WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'
        ELSE current_setting('synchronous_commit')
    END, false)
