-- The days from $1 on, of one action or (null) of all together.
SELECT
    day,
    sum(executions)::bigint AS executions,
    sum(succeeded)::bigint AS succeeded,
    sum(failed)::bigint AS failed,
    sum(other)::bigint AS other,
    sum(unfinished)::bigint AS unfinished,
    sum(succeeded_seconds) AS succeeded_seconds,
    sum(ran)::bigint AS ran,
    sum(run_seconds) AS run_seconds
FROM attune.execution_day
WHERE day >= $1 AND ($2::bigint IS NULL OR action = $2)
GROUP BY day
ORDER BY day
