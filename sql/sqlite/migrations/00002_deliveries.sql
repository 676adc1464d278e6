-- +goose Up

-- What a queue has delivered, remembered in the transaction that stored its
-- events: whatever comes again is left out. Rows live for minutes, until the
-- queue is done with them for good.
CREATE TABLE deliveries (
    id        BLOB    PRIMARY KEY,
    queued_at INTEGER NOT NULL -- microseconds since 1970
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE deliveries;
