-- Begins the transaction of an append where no session is ours to set up, since
-- a pooler lends its connections for one transaction (database.pooler). See
-- writer_session.sql for why it must be this level and may write.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE
