-- For each of the topics $1, whether it has events.
SELECT EXISTS (SELECT FROM :"schema".topic_stats AS t WHERE t.topic = asked.topic)
FROM unnest($1::text[]) WITH ORDINALITY AS asked (topic, number)
ORDER BY asked.number
