"""The messages between executor and workers, as bytes: what they say, not how they travel.

Both sides use the same definitions, so that neither can drift. ``parameters`` and ``result`` are opaque: they are
embedded and cut out as the JSON they are, never parsed and written again.
"""
