-- Takes a shard over. The row lock makes this wait for a commit of the previous owner that is under way, so what that
-- one wrote is visible to all that follows, and the new claim and epoch keep it from writing anything more.
-- Where $4 is given and not the epoch any more, someone else was faster and nothing is taken; 0: before the first.
INSERT INTO attune.executor_shard AS shard (shard, owner, claim, epoch)
VALUES ($1, $2, $3, 1)
ON CONFLICT (shard) DO UPDATE
SET owner = EXCLUDED.owner, claim = EXCLUDED.claim, epoch = shard.epoch + 1, renewed_at = now()
WHERE shard.epoch = COALESCE($4::bigint, shard.epoch)
RETURNING epoch, publish_order, confirmed_order
