"""Pictures for the docs, of the real thing: `python -m testbed picture top`."""
