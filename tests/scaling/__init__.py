"""Days of traffic against the scaling decision, in simulated time: how many workers, and how long executions waited."""
