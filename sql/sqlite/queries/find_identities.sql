-- Those of the keys that exist: the index of the key in the batch, the id of its event,
-- and the digest of the content. The parameters are index, number of the topic, and event_id.
SELECT wanted.column1, identities.event, identities.digest
FROM (VALUES (?, ?, ?)) AS wanted
CROSS JOIN identities ON identities.topic_no = wanted.column2 AND identities.event_id = wanted.column3
