-- All policies that a turn changes. Fenced like a turn: a paused owner that wakes up must not put old policies back. A
-- row that somebody inserted by hand comes to the shard to which its action belongs. A removed policy stays, no longer
-- governing: what waits drains by it.
WITH fence AS (
    SELECT FROM attune.executor_shard WHERE shard = $1 AND claim = $2 AND epoch = $3 FOR SHARE
)
INSERT INTO attune.action AS action (ref, policy, governed, priority, tags, shard)
SELECT ref, policy, policy IS NOT NULL, COALESCE(priority, 5), COALESCE(tags, '[]'), $1
FROM unnest($4::text[], $5::jsonb[], $6::integer[], $7::jsonb[]) AS entry (ref, policy, priority, tags), fence
ON CONFLICT (ref) DO UPDATE SET
    policy = COALESCE(EXCLUDED.policy, action.policy),
    governed = EXCLUDED.governed,
    priority = CASE WHEN EXCLUDED.governed THEN EXCLUDED.priority ELSE action.priority END,
    tags = CASE WHEN EXCLUDED.governed THEN EXCLUDED.tags ELSE action.tags END,
    shard = EXCLUDED.shard,
    updated = now()
RETURNING ref, id
