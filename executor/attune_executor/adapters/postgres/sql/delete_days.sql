-- The oldest days, by their key.
WITH fence AS (
    SELECT FROM attune.executor_shard WHERE shard = $1 AND claim = $2 AND epoch = $3
), gone AS (
    DELETE FROM attune.execution_day
    WHERE (day, action) IN (
        SELECT day, action FROM attune.execution_day
        WHERE day < (to_timestamp($4) AT TIME ZONE 'UTC')::date AND EXISTS (SELECT FROM fence)
        ORDER BY day, action LIMIT $5
    )
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) AS deleted FROM fence
