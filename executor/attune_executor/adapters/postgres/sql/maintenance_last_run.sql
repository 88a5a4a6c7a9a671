SELECT task, extract(epoch FROM started_at)::float8 AS started_at, seconds, rows
FROM attune.maintenance_run
WHERE task = $1
