-- What operators did by SQL, noted by triggers, taken by the owner of the shard. One that takes them and dies before it
-- has used them does no harm: its successor reads the tables themselves.
WITH taken AS (
    DELETE FROM attune.operator_change
    WHERE EXISTS (SELECT FROM attune.executor_shard WHERE shard = $1 AND claim = $2 AND epoch = $3)
        AND (SELECT shard FROM attune.action WHERE id = operator_change.action) = $1
    RETURNING action, execution, group_key, queue_order
)
SELECT taken.action, taken.execution, taken.group_key, taken.queue_order, action.enabled
FROM taken
JOIN attune.action ON action.id = taken.action
