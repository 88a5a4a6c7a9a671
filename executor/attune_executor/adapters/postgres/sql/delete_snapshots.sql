-- The oldest snapshots through their index by time, then by their place in the table: it has no key.
WITH fence AS (
    SELECT FROM attune.executor_shard WHERE shard = $1 AND claim = $2 AND epoch = $3
), gone AS (
    DELETE FROM attune.queue_snapshots
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM attune.queue_snapshots
        WHERE snapshot_time < to_timestamp($4) AND EXISTS (SELECT FROM fence)
        ORDER BY snapshot_time LIMIT $5
    ))
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) AS deleted FROM fence
