-- A page of executions. {braces} are filled in by history.py from fixed words: the direction cannot be a parameter, and
-- without the action there is nothing to compare it with.
--
-- Ids and the queue orders of an action grow together, so the primary key serves the order of all executions and the
-- index on (action, queue_order) that of an action's; among its open ones the small partial index does. There is no
-- index by status, because it would be written three times for each execution: instead at most $3 rows are looked at,
-- and the caller goes on from there.
SELECT
    id, action, action_ref, status, attempt, worker, group_key,
    extract(epoch FROM created)::float8 AS created,
    extract(epoch FROM started_at)::float8 AS started_at,
    extract(epoch FROM updated)::float8 AS updated
FROM (
    SELECT * FROM attune.execution WHERE {scope} ORDER BY {order} LIMIT $3
) AS examined
WHERE $2::text IS NULL OR status = $2
ORDER BY {order}
LIMIT $4
