"""The rules of the queues: pure, without I/O or a clock of its own, standard library only."""
