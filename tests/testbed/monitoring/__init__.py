"""What is made of the alerts and metrics: `python -m testbed.monitoring`, or `make generate`."""
