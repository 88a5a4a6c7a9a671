-- What the owners of these shards last wrote about their queues.
SELECT
    action_id, ref, queue_length, active_count, max_concurrent, total_enqueued, total_completed, stats.total_rejected,
    extract(epoch FROM oldest_enqueued_at)::float8 AS oldest_enqueued_at,
    extract(epoch FROM last_updated)::float8 AS last_updated
FROM attune.queue_stats AS stats
JOIN attune.action ON action.id = action_id
WHERE action.shard = ANY ($1::integer[])
