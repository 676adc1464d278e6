-- +goose Up

-- The deliveries of a queue, remembered in the transaction that stores their
-- events, so that a redelivery is recognised. A row lives for minutes, until the
-- queue can't deliver it again.
CREATE TABLE deliveries (
    id        uuid        PRIMARY KEY,
    queued_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

-- +goose Down
DROP TABLE deliveries;
