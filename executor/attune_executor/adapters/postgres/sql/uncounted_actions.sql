-- Actions with executions accepted before $1 that are in no day yet: one look at an index for each action.
SELECT action.id
FROM attune.action
LEFT JOIN attune.execution_counted AS counted ON counted.action = action.id
CROSS JOIN LATERAL (
    SELECT created
    FROM attune.execution
    WHERE execution.action = action.id AND queue_order > COALESCE(counted.last_order, 0)
    ORDER BY queue_order LIMIT 1
) AS next
WHERE next.created < to_timestamp($1)
ORDER BY action.id
