-- A block of ids. The lock keeps two executors, one of them about to be fenced, from reading the same next value.
WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock('attune.execution_id'::regclass::oid::bigint))
SELECT setval('attune.execution_id', nextval('attune.execution_id') + $1::bigint - 1) FROM turn
