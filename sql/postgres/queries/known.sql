-- Those of the deliveries that are remembered.
SELECT id FROM deliveries WHERE id = ANY ($1::uuid[])
