"""`attune top`: the queues in a terminal, live.

`cluster_world` looks, `film` remembers, `rows`, `heading` and `detail` say what there is to see, `terminal` shows it.
Only the command itself imports `terminal`, and with it Textual: the other commands start as fast as without.
"""
