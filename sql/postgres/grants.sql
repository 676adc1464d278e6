-- The role of `eventagg serve`, with the rights that it needs and no others. It can't
-- change or delete an event, and can't create a table. `eventagg migrate
-- --print-grants` prints this file with the names in place.
--
-- Run it as the owner of the tables, who may create roles, after each upgrade that has
-- new tables. Then give the role a password: \password in psql.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') THEN
        CREATE ROLE :"role" LOGIN;
    END IF;
END $$;
GRANT CONNECT ON DATABASE :"database" TO :"role";
GRANT USAGE ON SCHEMA :"schema" TO :"role";
GRANT SELECT, INSERT ON :"schema".events TO :"role";
GRANT SELECT, INSERT, UPDATE ON :"schema".audit_stats, :"schema".topic_stats TO :"role";
GRANT SELECT, INSERT, DELETE ON :"schema".deliveries TO :"role";
GRANT SELECT ON :"schema".eventagg_migrations TO :"role";
