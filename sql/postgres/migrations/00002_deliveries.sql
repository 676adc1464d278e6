-- +goose Up

-- A time limit of the role, the database or the server must not stop a migration.
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout');

-- The deliveries of a queue, remembered in the transaction that stores their
-- events, so that a redelivery is recognised. A row lives for minutes, until the
-- queue can't deliver it again.
CREATE TABLE :"schema".deliveries (
    id        uuid        PRIMARY KEY,
    queued_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

-- +goose Down
DROP TABLE :"schema".deliveries;
