-- Fenced like a turn: a paused owner that wakes up must not put an old policy back. A row that somebody inserted by hand
-- comes to the shard to which its action belongs. A removed policy stays, no longer governing: what waits drains by it.
WITH fence AS (
    SELECT FROM attune.executor_shard WHERE shard = $1 AND claim = $2 AND epoch = $3 FOR SHARE
)
INSERT INTO attune.action AS action (ref, policy, governed, priority, tags, shard)
SELECT $4::text, $5::jsonb, $5 IS NOT NULL, COALESCE($6::integer, 5), COALESCE($7::jsonb, '[]'), $1 FROM fence
ON CONFLICT (ref) DO UPDATE SET
    policy = COALESCE(EXCLUDED.policy, action.policy),
    governed = EXCLUDED.governed,
    priority = COALESCE($6::integer, action.priority),
    tags = COALESCE($7::jsonb, action.tags),
    shard = EXCLUDED.shard,
    updated = now()
RETURNING id
