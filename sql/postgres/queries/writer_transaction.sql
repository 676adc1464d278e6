-- What exactly-once needs besides writer_begin.sql, until the end of this
-- transaction: the response is sent after the COMMIT is on the disk, whatever the
-- default of the role is and whatever another client of the pooler has set.
SELECT set_config('synchronous_commit', CASE
    WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'
    ELSE current_setting('synchronous_commit')
END, true)
