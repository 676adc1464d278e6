-- +goose Up

-- A time limit of the role, the database or the server must not stop a migration.
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout');

-- The number of topics is a counter, too: with a million topics, GET /stats took 1.4 s
-- to count them. A topic is counted with its row of the shard -1, which has zeros and
-- exists once, whatever shards begin the topic at the same time.
--
-- A trigger does it and not append.sql, because it costs nothing for a topic that exists,
-- and instances of an older version, which run beside this one during an upgrade, count
-- with it, too. It runs after the statement, when that holds its lock on the row of
-- audit_stats, and in the order of the topics, so it adds no deadlock.
ALTER TABLE :"schema".audit_stats ADD COLUMN topics bigint NOT NULL DEFAULT 0;

-- +goose StatementBegin
CREATE FUNCTION :"schema".count_topic() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO :"schema".topic_stats (topic, shard, received, duplicates, first_seen, last_seen)
    VALUES (new.topic, -1, 0, 0, new.first_seen, new.first_seen)
    ON CONFLICT (topic, shard) DO NOTHING;
    IF FOUND THEN
        INSERT INTO :"schema".audit_stats AS a (shard, received, duplicates, topics)
        VALUES (new.shard, 0, 0, 1)
        ON CONFLICT (shard) DO UPDATE SET topics = a.topics + 1;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER count_topic AFTER INSERT ON :"schema".topic_stats
FOR EACH ROW WHEN (new.shard >= 0) EXECUTE FUNCTION :"schema".count_topic();

INSERT INTO :"schema".topic_stats (topic, shard, received, duplicates, first_seen, last_seen)
SELECT topic, -1, 0, 0, min(first_seen), min(first_seen) FROM :"schema".topic_stats GROUP BY topic;

INSERT INTO :"schema".audit_stats AS a (shard, received, duplicates, topics)
SELECT 0, 0, 0, count(*) FROM :"schema".topic_stats WHERE shard = -1
HAVING count(*) > 0
ON CONFLICT (shard) DO UPDATE SET topics = excluded.topics;

-- +goose Down
DROP TRIGGER count_topic ON :"schema".topic_stats;
DROP FUNCTION :"schema".count_topic();
DELETE FROM :"schema".topic_stats WHERE shard = -1;
ALTER TABLE :"schema".audit_stats DROP COLUMN topics;
