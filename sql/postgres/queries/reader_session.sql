-- Readers plan each call for its own values, so that a filter that is not set does
-- not prevent the index of one that is. Readers never write.
SELECT
    set_config('plan_cache_mode', 'force_custom_plan', false),
    set_config('default_transaction_read_only', 'on', false)
