"""Kubernetes operator that reconciles ActionQueuePolicy resources into the executor's queues."""
