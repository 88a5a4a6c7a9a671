-- Sessions that hold a lock for which a session of an executor waits. Executors wait for each other as well, for moments
-- and on purpose: those are left out. Of a session of another user PostgreSQL may hide state and times.
SELECT holder.pid, holder.usename AS user, holder.application_name AS application, holder.state,
       extract(epoch FROM clock_timestamp() - holder.xact_start)::float8 AS seconds
FROM pg_stat_activity AS holder
WHERE holder.pid IN (
    SELECT unnest(pg_blocking_pids(ours.pid))
    FROM pg_stat_activity AS ours
    WHERE ours.datname = current_database() AND ours.application_name ~ '^attune-executor( |$)'
        AND ours.wait_event_type = 'Lock'
) AND COALESCE(holder.application_name, '') !~ '^attune-executor( |$)'
ORDER BY holder.xact_start NULLS LAST, holder.pid
LIMIT 5
