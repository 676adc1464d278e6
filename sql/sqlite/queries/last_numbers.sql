-- The id of the last stored event, and the number of the last topic.
SELECT last_id, topics FROM totals
