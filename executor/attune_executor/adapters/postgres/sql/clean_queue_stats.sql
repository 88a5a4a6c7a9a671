-- The runbook's weekly clean-up. A trigger keeps the totals in attune.action.
DELETE FROM attune.queue_stats
WHERE last_updated < to_timestamp($1) AND queue_length = 0 AND active_count = 0
