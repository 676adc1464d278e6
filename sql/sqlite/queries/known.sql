-- Whether a delivery is remembered.
SELECT EXISTS (SELECT 1 FROM deliveries WHERE id = ?1)
