-- The last of the $2 rows that list_executions.sql looked at, if there were so many.
SELECT id FROM attune.execution WHERE {scope} ORDER BY {order} OFFSET $2 - 1 LIMIT 1
