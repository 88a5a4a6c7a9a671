-- How many executions near the heads of the queues were overtaken: one behind them in their line was dispatched before
-- them. A turn is committed as a whole, so that in any snapshot there are none. By the partial index execution_open; what
-- it costs depends on how many queues there are ($1 rows of each), not on how much waits.
SELECT count(*)
FROM (
    SELECT
        head.dispatch_order,
        min(head.dispatch_order) OVER (
            PARTITION BY action.id, head.group_key ORDER BY head.queue_order
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS first_behind
    FROM attune.action
    CROSS JOIN LATERAL (
        SELECT execution.queue_order, execution.dispatch_order, execution.group_key
        FROM attune.execution
        WHERE execution.open AND execution.action = action.id
        ORDER BY execution.queue_order
        LIMIT $1
    ) AS head
) AS line
WHERE first_behind < COALESCE(dispatch_order, 9223372036854775807)
