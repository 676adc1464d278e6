-- +goose Up

-- What a queue has delivered, remembered in the transaction that stored its
-- events: whatever comes again is left out. Rows live for minutes, until the
-- queue is done with them for good.
CREATE TABLE deliveries (
    id        uuid        PRIMARY KEY,
    queued_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

-- +goose Down
DROP TABLE deliveries;
