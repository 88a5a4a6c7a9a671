"""Attune's executor: per-action FIFO queues of executions with a concurrency limit."""
