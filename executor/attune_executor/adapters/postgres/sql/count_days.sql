-- The next executions of an action in the order of its queue: those accepted before $5 are added to their days, once.
--
-- An action's executions are accepted in that order, and their index has it: whatever the table's size, a batch reads $6
-- rows. Of two owners that overlap the second one waits at `moved`, finds another last_order there, and adds nothing.
WITH fence AS (
    SELECT FROM attune.executor_shard WHERE shard = $1 AND claim = $2 AND epoch = $3
), known AS (
    SELECT COALESCE((SELECT last_order FROM attune.execution_counted WHERE action = $4), 0) AS last_order FROM fence
), batch AS MATERIALIZED (
    SELECT queue_order, status, open, created, started_at, updated, created < to_timestamp($5) AS past
    FROM attune.execution
    WHERE action = $4 AND queue_order > (SELECT last_order FROM known)
    ORDER BY queue_order LIMIT $6
), moved AS (
    INSERT INTO attune.execution_counted AS counted (action, last_order)
    SELECT $4::bigint, max(queue_order) FROM batch WHERE past HAVING count(*) > 0
    ON CONFLICT (action) DO UPDATE SET last_order = EXCLUDED.last_order
    WHERE counted.last_order = (SELECT last_order FROM known)
    RETURNING last_order
), added AS (
    INSERT INTO attune.execution_day AS present (
        day, action, executions, succeeded, failed, other, unfinished, succeeded_seconds, ran, run_seconds
    )
    SELECT
        (created AT TIME ZONE 'UTC')::date,
        $4::bigint,
        count(*),
        count(*) FILTER (WHERE status = 'succeeded'),
        count(*) FILTER (WHERE status = 'failed'),
        count(*) FILTER (WHERE status IN ('cancelled', 'timeout')),
        count(*) FILTER (WHERE open),
        COALESCE(sum(extract(epoch FROM updated - created)) FILTER (WHERE status = 'succeeded'), 0),
        count(*) FILTER (WHERE NOT open AND started_at IS NOT NULL),
        COALESCE(sum(GREATEST(0, extract(epoch FROM updated - started_at))) FILTER (WHERE NOT open), 0)
    FROM batch
    WHERE past AND EXISTS (SELECT FROM moved)
    GROUP BY 1
    ON CONFLICT (day, action) DO UPDATE SET
        executions = present.executions + EXCLUDED.executions,
        succeeded = present.succeeded + EXCLUDED.succeeded,
        failed = present.failed + EXCLUDED.failed,
        other = present.other + EXCLUDED.other,
        unfinished = present.unfinished + EXCLUDED.unfinished,
        succeeded_seconds = present.succeeded_seconds + EXCLUDED.succeeded_seconds,
        ran = present.ran + EXCLUDED.ran,
        run_seconds = present.run_seconds + EXCLUDED.run_seconds
)
SELECT
    (SELECT count(*) FROM batch WHERE past AND EXISTS (SELECT FROM moved)) AS counted,
    (SELECT count(*) = $6 AND COALESCE(bool_and(past), false) FROM batch) AS more
FROM fence
