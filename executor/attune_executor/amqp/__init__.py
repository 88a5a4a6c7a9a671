"""How messages travel: the topology at the broker and a connection that comes back by itself.

Executor and worker share it, so that both declare the same queues with the same arguments.
"""
