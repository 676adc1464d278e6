-- What exactly-once rests on besides writer_begin.sql, until the end of this
-- transaction: an answer is given after its COMMIT is on disk, whatever the role
-- has for a default and whatever another client of the pooler has left behind.
SELECT set_config('synchronous_commit', CASE
    WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'
    ELSE current_setting('synchronous_commit')
END, true)
