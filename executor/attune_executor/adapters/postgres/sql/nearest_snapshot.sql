-- The snapshot that was taken nearest to $1, among those taken between $2 and $3. All rows of one have the same time.
WITH near AS (
    (
        SELECT snapshot_time FROM attune.queue_snapshots
        WHERE snapshot_time BETWEEN to_timestamp($2) AND to_timestamp($1)
        ORDER BY snapshot_time DESC LIMIT 1
    )
    UNION ALL
    (
        SELECT snapshot_time FROM attune.queue_snapshots
        WHERE snapshot_time BETWEEN to_timestamp($1) AND to_timestamp($3)
        ORDER BY snapshot_time LIMIT 1
    )
), nearest AS (
    SELECT snapshot_time FROM near ORDER BY abs(extract(epoch FROM snapshot_time) - $1) LIMIT 1
)
SELECT extract(epoch FROM snapshot_time)::float8 AS taken_at, action_id, queue_length, active_count, total_enqueued
FROM attune.queue_snapshots
WHERE snapshot_time = (SELECT snapshot_time FROM nearest)
