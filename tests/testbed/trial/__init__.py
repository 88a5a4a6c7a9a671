"""The trial: executor, workers and their services as processes of this machine, real work, checked; in a minute."""
