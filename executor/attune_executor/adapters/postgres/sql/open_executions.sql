-- What a new owner rebuilds its queues from; read through the partial index execution_open, already in order.
SELECT
    id, action, queue_order, status, attempt, publish_order, group_key, failures, worker, cancelling,
    extract(epoch FROM created)::float8 AS created,
    extract(epoch FROM retry_at)::float8 AS retry_at
FROM attune.execution
WHERE open
ORDER BY action, queue_order
