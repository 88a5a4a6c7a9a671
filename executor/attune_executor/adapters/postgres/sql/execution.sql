SELECT
    id, action, action_ref, status, queue_order, attempt, worker, parameters, result, group_key,
    extract(epoch FROM created)::float8 AS created,
    extract(epoch FROM started_at)::float8 AS started_at,
    extract(epoch FROM updated)::float8 AS updated
FROM attune.execution
WHERE id = $1
