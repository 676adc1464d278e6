-- The extensions of the database, and the libraries that the server loads at start.
SELECT coalesce((SELECT string_agg(extname, ', ' ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql'), '')
