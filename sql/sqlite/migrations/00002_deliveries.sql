-- +goose Up

-- The deliveries of a queue, remembered in the transaction that stores their
-- events, so that a redelivery is recognised. A row lives for minutes, until the
-- queue can't deliver it again.
CREATE TABLE deliveries (
    id        BLOB    PRIMARY KEY,
    queued_at INTEGER NOT NULL -- microseconds since 1970
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE deliveries;
