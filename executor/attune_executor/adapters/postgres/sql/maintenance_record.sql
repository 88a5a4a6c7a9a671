-- Keeps a run as its task's last. Returns nothing where the shard has another owner, or the task another last run than
-- the caller knows: two owners that overlap wait for each other here, and the second one changes nothing.
INSERT INTO attune.maintenance_run AS run (task, started_at, seconds, rows)
SELECT $4, to_timestamp($5), $6::float8, $7::bigint
FROM attune.executor_shard
WHERE shard = $1 AND claim = $2 AND epoch = $3
ON CONFLICT (task) DO UPDATE
SET started_at = EXCLUDED.started_at, seconds = EXCLUDED.seconds, rows = EXCLUDED.rows
WHERE run.started_at = to_timestamp($8)
RETURNING task
