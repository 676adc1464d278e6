-- Readers plan each call for its own values: a filter that is not set must not
-- cost the index of one that is. And they read.
SELECT
    set_config('plan_cache_mode', 'force_custom_plan', false),
    set_config('default_transaction_read_only', 'on', false)
