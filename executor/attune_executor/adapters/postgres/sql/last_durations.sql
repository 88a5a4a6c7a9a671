-- How long the latest executions of each action of a shard ran on average, however long ago: of its newest $2 those that ran. Where
-- all of these still wait nothing is told; then some have finished lately, and load_history.sql knows of them.
SELECT action.id AS action, avg(extract(epoch FROM latest.updated - latest.started_at))::float8 AS seconds
FROM attune.action
CROSS JOIN LATERAL (
    SELECT open, started_at, updated
    FROM attune.execution
    WHERE execution.action = action.id
    ORDER BY queue_order DESC
    LIMIT $2
) AS latest
WHERE action.shard = $1 AND NOT latest.open AND latest.started_at IS NOT NULL
GROUP BY action.id
