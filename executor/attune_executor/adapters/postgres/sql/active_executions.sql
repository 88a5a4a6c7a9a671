-- What holds a slot, for a new owner to rebuild its queues from; by the partial index execution_open, as what waits.
SELECT
    id, action, status, attempt, publish_order, group_key, failures, worker, cancelling,
    extract(epoch FROM retry_at)::float8 AS retry_at, extract(epoch FROM updated)::float8 AS updated
FROM attune.execution
WHERE open AND action = ANY (ARRAY(SELECT id FROM attune.action WHERE shard = $1)) AND publish_order IS NOT NULL
ORDER BY action, queue_order
