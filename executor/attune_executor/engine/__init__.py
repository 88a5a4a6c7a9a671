"""The turn: collect, decide, commit, effect."""
