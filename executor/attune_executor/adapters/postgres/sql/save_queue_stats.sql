-- The owner's latest picture of these queues. An owner that has lost the shard changes nothing here any more.
INSERT INTO attune.queue_stats (
    action_id, queue_length, active_count, max_concurrent, oldest_enqueued_at, total_enqueued, total_completed,
    total_rejected, last_updated
)
SELECT
    action_id, queue_length, active_count, max_concurrent, to_timestamp(oldest_enqueued_at), total_enqueued,
    total_completed, total_rejected, to_timestamp(last_updated)
FROM unnest(
    $4::bigint[], $5::integer[], $6::integer[], $7::integer[], $8::float8[], $9::bigint[], $10::bigint[],
    $11::bigint[], $12::float8[]
) AS entry (
    action_id, queue_length, active_count, max_concurrent, oldest_enqueued_at, total_enqueued, total_completed,
    total_rejected, last_updated
)
WHERE EXISTS (SELECT FROM attune.executor_shard WHERE shard = $1 AND claim = $2 AND epoch = $3)
ON CONFLICT (action_id) DO UPDATE SET
    queue_length = EXCLUDED.queue_length,
    active_count = EXCLUDED.active_count,
    max_concurrent = EXCLUDED.max_concurrent,
    oldest_enqueued_at = EXCLUDED.oldest_enqueued_at,
    total_enqueued = EXCLUDED.total_enqueued,
    total_completed = EXCLUDED.total_completed,
    total_rejected = EXCLUDED.total_rejected,
    last_updated = EXCLUDED.last_updated
