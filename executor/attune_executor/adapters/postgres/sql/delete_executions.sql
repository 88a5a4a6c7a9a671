-- The next executions in the order of their ids: those finished before $4 go. Ids are given out ascending, so this walks
-- the table in the order in which it was written, page after page; an index by time would cost every turn, and one by
-- action would jump about.
--
-- The fence is looked at and not locked: a lock here would make turns wait. Nothing can go wrong where an owner loses
-- the shard meanwhile, because no turn changes a finished execution.
WITH fence AS (
    SELECT FROM attune.executor_shard WHERE shard = $1 AND claim = $2 AND epoch = $3
), batch AS MATERIALIZED (
    SELECT id, ctid AS place, NOT open AND updated < to_timestamp($4) AS finished, created < to_timestamp($4) AS old
    FROM attune.execution
    WHERE id > $5 AND EXISTS (SELECT FROM fence)
    ORDER BY id LIMIT $6
), gone AS (
    DELETE FROM attune.execution
    WHERE ctid = ANY (ARRAY(SELECT place FROM batch WHERE finished)) AND NOT open
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM batch) AS scanned,
    (SELECT count(*) FROM gone) AS deleted,
    (SELECT max(id) FROM batch) AS last_id,
    COALESCE((SELECT bool_or(old) FROM batch), false) AS old
FROM fence
