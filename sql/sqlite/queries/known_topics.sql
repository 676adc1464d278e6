-- For each of the topics in the JSON array ?1, whether it has events.
SELECT EXISTS (SELECT 1 FROM topics WHERE topic = wanted.value)
FROM json_each(?1) AS wanted
ORDER BY wanted.key
