"""What the executor measures of itself. The queues' own figures are in `attune_executor.api.metrics`."""
