-- Begins the transaction of a read behind a pooler, which shares its sessions between
-- clients (database.pooler). reader_session.sql says why it needs these settings.
BEGIN READ ONLY; SET LOCAL lock_timeout = '1s'; SET LOCAL plan_cache_mode = 'force_custom_plan'; SET LOCAL jit = off
