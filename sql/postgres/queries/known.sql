-- Those of the deliveries that are remembered.
SELECT id FROM :"schema".deliveries WHERE id = ANY ($1::uuid[])
