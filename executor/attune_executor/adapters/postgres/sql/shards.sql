-- Every shard, those that nobody ever took included. Its owner commits every two seconds at least, so it writes no more
-- where nothing was written for longer; the database's clock alone says so.
SELECT
    number AS shard,
    NULLIF(owner, '') AS owner,
    COALESCE(epoch, 0) AS epoch,
    COALESCE(renewed_at > now() - make_interval(secs => $1::float8), false) AS fresh
FROM attune.sharding
CROSS JOIN LATERAL generate_series(0, sharding.count - 1) AS number
LEFT JOIN attune.executor_shard ON executor_shard.shard = number
ORDER BY number
