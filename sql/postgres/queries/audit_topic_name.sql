-- The name of a topic.
SELECT topic FROM :"schema".topics WHERE topic_no = $1
