-- Whether a topic has events.
SELECT EXISTS (SELECT 1 FROM topic_stats WHERE topic = ?1)
