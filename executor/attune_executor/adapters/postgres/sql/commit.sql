-- One turn: one statement, one round trip, one transaction.
--
-- Why the fence holds under READ COMMITTED: it updates the shard's row, and so does a new owner (acquire.sql). Whoever
-- comes second waits for the first one's transaction and then looks at the row as that one left it. If the new owner was
-- first, claim and epoch no longer match, `fence` is empty, and every other part writes nothing because it asks for a
-- row of `fence`. If this turn was first, the new owner waits until it is committed, and sees all of it.
--
-- The parts of one statement share a snapshot and do not see each other's writes: a turn names an execution in one part
-- at most. A status that an operator's SQL made terminal in the meantime is seen: an update waits for a row that is
-- being changed and then checks its condition again.
--
-- The conditions name the statuses rather than `open`. To the planner that is something else, and here it must be: where
-- it has seen a table in which next to nothing is open, it would walk through the index of the open ones instead of
-- looking each execution up by its key, and take minutes when 10,000 are open after all.
WITH fence AS (
    UPDATE attune.executor_shard
    SET publish_order = $4, confirmed_order = $5, renewed_at = now()
    WHERE shard = $1 AND claim = $2 AND epoch = $3
    RETURNING shard
), accepted AS (
    INSERT INTO attune.execution (
        id, action, action_ref, status, parameters, queue_order, dispatch_order, publish_order, attempt,
        idempotency_key, created, group_key
    )
    SELECT
        id, action, action_ref, CASE WHEN dispatch_order IS NULL THEN 'requested' ELSE 'scheduled' END, parameters,
        queue_order, dispatch_order, dispatch_order, (dispatch_order IS NOT NULL)::integer,
        idempotency_key, to_timestamp(created), group_key
    FROM unnest(
        $6::bigint[], $7::bigint[], $8::text[], $9::bigint[], $10::jsonb[], $11::text[], $12::float8[], $13::bigint[],
        $14::text[]
    ) AS entry (
        id, action, action_ref, queue_order, parameters, idempotency_key, created, dispatch_order, group_key
    )
    WHERE EXISTS (SELECT FROM fence)
    -- A key that another shard uses at the same moment makes this wait for that one's turn. The order keeps two turns
    -- with several such keys from waiting for each other.
    ORDER BY idempotency_key COLLATE "C"
    ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING id
), dispatched AS (
    UPDATE attune.execution AS execution
    SET status = 'scheduled',
        attempt = entry.attempt,
        publish_order = entry.publish_order,
        dispatch_order = COALESCE(execution.dispatch_order, entry.publish_order),
        failures = entry.failures,
        retry_at = NULL,
        updated = now()
    FROM unnest($15::bigint[], $16::integer[], $17::bigint[], $18::integer[])
        AS entry (id, attempt, publish_order, failures)
    WHERE execution.id = entry.id AND execution.status IN ('requested', 'scheduled', 'running')
        AND EXISTS (SELECT FROM fence)
    RETURNING execution.id, execution.parameters
), postponed AS (
    UPDATE attune.execution AS execution
    SET status = 'scheduled', failures = entry.failures, retry_at = to_timestamp(entry.retry_at), updated = now()
    FROM unnest($19::bigint[], $20::integer[], $21::float8[]) AS entry (id, failures, retry_at)
    WHERE execution.id = entry.id AND execution.status IN ('requested', 'scheduled', 'running')
        AND EXISTS (SELECT FROM fence)
), started AS (
    UPDATE attune.execution AS execution
    SET status = 'running', worker = entry.worker, started_at = to_timestamp(entry.started_at), updated = now()
    FROM unnest($22::bigint[], $23::text[], $24::float8[]) AS entry (id, worker, started_at)
    WHERE execution.id = entry.id AND execution.status IN ('requested', 'scheduled', 'running')
        AND EXISTS (SELECT FROM fence)
), finished AS (
    UPDATE attune.execution AS execution
    SET status = entry.status,
        result = entry.result,
        worker = COALESCE(entry.worker, execution.worker),
        started_at = COALESCE(to_timestamp(entry.started_at), execution.started_at),
        updated = now()
    FROM unnest($25::bigint[], $26::text[], $27::jsonb[], $28::text[], $29::float8[])
        AS entry (id, status, result, worker, started_at)
    WHERE execution.id = entry.id AND execution.status IN ('requested', 'scheduled', 'running')
        AND EXISTS (SELECT FROM fence)
), cancelling AS (
    UPDATE attune.execution AS execution
    SET cancelling = true
    FROM unnest($30::bigint[]) AS entry (id)
    WHERE execution.id = entry.id AND execution.status IN ('requested', 'scheduled', 'running')
        AND EXISTS (SELECT FROM fence)
), rated AS (
    UPDATE attune.action AS action
    SET rate_marks = entry.marks
    FROM unnest($31::bigint[], $32::jsonb[]) AS entry (id, marks)
    WHERE action.id = entry.id AND EXISTS (SELECT FROM fence)
)
-- The first row, without an id, says that the fence held; it comes with any others or not at all. Those without
-- parameters were not accepted: another shard had used their keys.
SELECT NULL::bigint AS id, NULL::jsonb AS parameters FROM fence
UNION ALL
SELECT id, parameters FROM dispatched
UNION ALL
SELECT id, NULL FROM unnest($6::bigint[], $11::text[]) AS entry (id, idempotency_key)
WHERE idempotency_key IS NOT NULL AND id NOT IN (SELECT id FROM accepted) AND EXISTS (SELECT FROM fence)
