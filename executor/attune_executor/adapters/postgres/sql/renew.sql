-- The same owner after a commit whose outcome it does not know: waits for that commit if it is under way, and fences it
-- off if it has not begun. Returns nothing when another owner has the shard.
UPDATE attune.executor_shard
SET epoch = epoch + 1, renewed_at = now()
WHERE shard = $1 AND claim = $2
RETURNING epoch
