-- The numbers of those topics that exist. The parameters are index in the batch and
-- topic.
SELECT wanted.column1, topics.topic_no
FROM (VALUES (?, ?)) AS wanted
CROSS JOIN topics ON topics.topic = wanted.column2
