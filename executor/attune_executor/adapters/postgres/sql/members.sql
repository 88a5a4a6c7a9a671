-- The executors that are alive, by the database's clock alone.
SELECT name, url FROM attune.executor
WHERE renewed_at > now() - make_interval(secs => $1::float8)
ORDER BY name
