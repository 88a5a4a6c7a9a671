"""The executor's HTTP API: executions in, their state and the queues' out, metrics and health."""
