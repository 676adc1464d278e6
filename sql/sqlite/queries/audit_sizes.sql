-- About how many rows an audit checks: events, and topics.
SELECT stored_events, topics FROM totals
