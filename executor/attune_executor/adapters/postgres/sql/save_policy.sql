-- Fenced like a turn: a paused owner that wakes up must not put an old policy back.
WITH fence AS (
    SELECT FROM attune.executor_shard WHERE shard = $1 AND claim = $2 AND epoch = $3 FOR SHARE
)
INSERT INTO attune.action AS action (ref, policy)
SELECT $4::text, $5::jsonb FROM fence
ON CONFLICT (ref) DO UPDATE SET policy = EXCLUDED.policy, updated = now()
RETURNING id
