"""`attune doctor`: the runbook's issues and troubleshooting trees, walked against the live system.

`gathering` reads, `evidence` is what was read, and the other modules judge it, each a part of the system: from
evidence to findings, without I/O and without a clock. `causality` puts what follows from a fault under that fault.
"""
