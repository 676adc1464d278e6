-- Whether the role may create tables in the schema, or the schema itself.
SELECT coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = :'schema'),
    has_database_privilege(current_database(), 'CREATE'))
