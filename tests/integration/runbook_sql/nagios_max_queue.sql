SELECT COALESCE(MAX(queue_length), 0) FROM attune.queue_stats;
