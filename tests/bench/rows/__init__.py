"""The rows of the benchmark: what is done to whom, and how its figures come about."""
