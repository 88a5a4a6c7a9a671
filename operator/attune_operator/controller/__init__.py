"""The passes that compare the world with what is declared, and carry out the differences."""

from attune_operator.controller.controller import Controller, Nudge

__all__ = ["Controller", "Nudge"]
