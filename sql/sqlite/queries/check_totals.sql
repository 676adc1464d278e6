-- Whether the totals are the sums of the topics, and count the events that there are:
-- one row with 1 or 0.
SELECT
    totals.stored_events = total(topics.stored_events)
    AND totals.duplicate_events = total(topics.duplicate_events)
    AND totals.conflict_events = total(topics.conflict_events)
    AND totals.topics = count(topics.topic_no)
    AND totals.stored_events - totals.dropped_events = (SELECT count(*) FROM events)
FROM totals LEFT JOIN topics
