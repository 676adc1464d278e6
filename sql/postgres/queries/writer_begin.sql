-- Begins the transaction of an append behind a pooler, which shares its sessions
-- between clients (database.pooler). writer_session.sql says why it needs this
-- level and must write.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE
