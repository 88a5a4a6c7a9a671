"""The worker: runs the executions of one pool and reports on them."""
