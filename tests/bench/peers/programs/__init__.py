"""One small application for each system: its task, as its manual writes it, and `python -m` to enqueue it."""
