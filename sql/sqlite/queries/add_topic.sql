-- Inserts the counters of a new topic, with the same parameters as count_topic.sql.
INSERT INTO topic_stats (topic, unique_events, duplicate_events, first_seen, last_seen)
VALUES (?1, ?2, ?3, ?4, ?4)
