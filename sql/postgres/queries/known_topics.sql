-- For each of the topics $1, whether it has events. A topic is added in the transaction
-- that stores its first event.
SELECT EXISTS (SELECT FROM :"schema".topics AS t WHERE t.topic = wanted.topic)
FROM unnest($1::text[]) WITH ORDINALITY AS wanted (topic, number)
ORDER BY wanted.number
