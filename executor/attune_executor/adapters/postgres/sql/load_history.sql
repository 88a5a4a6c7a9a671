-- What arrived and what ended in each minute since $2, by action of a shard: a row with a bin counts run times of about that length,
-- one with a status how many ended like that, any other arrivals. The bins are those of domain/durations.py, which $4 and $5 describe.
-- A row without an action says that the past is busier than is looked at, and in which minute the oldest one looked at arrived.
--
-- Ids grow with time, so the newest $3 rows by the primary key are the recent past: the cost is bounded by that, not by the table.
WITH recent AS MATERIALIZED (
    SELECT action, status, created, started_at, updated, open FROM attune.execution ORDER BY id DESC LIMIT $3
), mine AS (
    SELECT recent.* FROM recent JOIN attune.action ON action.id = recent.action WHERE action.shard = $1
), ran AS (
    SELECT action, updated, GREATEST(0, extract(epoch FROM updated - started_at))::float8 AS seconds
    FROM mine
    WHERE NOT open AND started_at IS NOT NULL AND updated >= to_timestamp($2)
)
SELECT
    action,
    floor(extract(epoch FROM created) / 60)::bigint AS minute,
    NULL::integer AS bin,
    NULL::text AS status,
    count(*) AS executions,
    0::bigint AS microseconds
FROM mine
WHERE created >= to_timestamp($2)
GROUP BY 1, 2
UNION ALL
SELECT
    action,
    floor(extract(epoch FROM updated) / 60)::bigint,
    CASE WHEN seconds <= $4::float8 THEN 0 ELSE ceil(ln(seconds / $4) / ln($5::float8)) END::integer,
    NULL,
    count(*),
    round(sum(seconds) * 1000000)::bigint
FROM ran
GROUP BY 1, 2, 3
UNION ALL
SELECT action, floor(extract(epoch FROM updated) / 60)::bigint, NULL, status, count(*), 0
FROM mine
WHERE NOT open AND updated >= to_timestamp($2)
GROUP BY 1, 2, 4
UNION ALL
SELECT NULL, floor(extract(epoch FROM min(created)) / 60)::bigint, NULL, NULL, count(*), 0
FROM recent
HAVING count(*) >= $3
