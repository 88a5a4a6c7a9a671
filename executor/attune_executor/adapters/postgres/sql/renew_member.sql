-- Says that a member is alive. Rows of those long gone are left by nobody else, so they go here.
WITH gone AS (
    DELETE FROM attune.executor WHERE name <> $1 AND renewed_at < now() - interval '1 hour'
)
INSERT INTO attune.executor (name, url) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET url = EXCLUDED.url, renewed_at = now()
