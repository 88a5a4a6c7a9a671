-- Every action of a shard with the highest queue order it ever gave out: the last row of its part of the index, or what a trigger
-- kept when that row was deleted.
SELECT
    action.id,
    action.ref,
    action.enabled,
    action.policy,
    action.governed,
    GREATEST(last.queue_order, action.last_order) AS last_order,
    action.rate_marks,
    GREATEST(stats.total_rejected, action.total_rejected) AS total_rejected
FROM attune.action
LEFT JOIN attune.queue_stats AS stats ON stats.action_id = action.id
LEFT JOIN LATERAL (
    SELECT queue_order FROM attune.execution WHERE execution.action = action.id ORDER BY queue_order DESC LIMIT 1
) AS last ON true
WHERE action.shard = $1
ORDER BY action.id
