"""Attune on a cluster, as its tests and the demo use it: deployed, reached over HTTP, looked at in the database."""
