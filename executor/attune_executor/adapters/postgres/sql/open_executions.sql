-- What a new owner rebuilds its queues from; read through the partial index execution_open, which is entered once for
-- each action of the shard: no row of another shard is touched.
SELECT
    id, action, queue_order, status, attempt, publish_order, group_key, failures, worker, cancelling,
    extract(epoch FROM created)::float8 AS created,
    extract(epoch FROM retry_at)::float8 AS retry_at
FROM attune.execution
WHERE open AND action = ANY (ARRAY(SELECT id FROM attune.action WHERE shard = $1))
ORDER BY action, queue_order
