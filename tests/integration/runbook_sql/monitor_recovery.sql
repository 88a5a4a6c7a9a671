SELECT SUM(queue_length) FROM attune.queue_stats;
